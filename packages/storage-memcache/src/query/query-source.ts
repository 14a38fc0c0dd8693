import type { Environment } from '@larder/memcached'
import { type Source, TTL_JITTER } from '../coherence/index.js'
import type { LoaderBatch } from './loader-batch.js'
import type { QueryCounters } from './query-counters.js'
import type { QueryContent, StoredResult } from './query-form.js'
import type { EntrySettings } from './query-options.js'

/** One key of a call: it is loaded with the others of the call that miss. */
export class QuerySource implements Source<StoredResult, QueryContent> {
  readonly softTimeoutMs: number
  readonly whenItFails: 'reject' | 'grace'
  readonly #key: string
  readonly #settings: EntrySettings
  readonly #batch: LoaderBatch
  readonly #env: Environment
  readonly #counters: QueryCounters
  #isDecided = false

  constructor(
    key: string,
    settings: EntrySettings,
    batch: LoaderBatch,
    env: Environment,
    counters: QueryCounters,
  ) {
    this.softTimeoutMs = settings.softTimeoutMs
    this.whenItFails = settings.whenLoaderFails
    this.#key = key
    this.#settings = settings
    this.#batch = batch
    this.#env = env
    this.#counters = counters
  }

  load(onStart: () => void): Promise<StoredResult> {
    this.#counters.loads++
    const result = this.#batch.load(this.#key, onStart)
    this.waits()
    return result
  }

  contentOf(result: StoredResult): QueryContent {
    const { ttlMs, graceMs } = this.#settings
    return { result, ttlMs: ttlMs * (1 - TTL_JITTER * this.#env.random()), graceMs }
  }

  /** The others of the call need not wait for this key any more. */
  waits(): void {
    if (this.#isDecided) return
    this.#isDecided = true
    this.#batch.decided()
  }
}

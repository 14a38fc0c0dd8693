import { StorageError } from '@larder/storage-core'
import {
  type Cache,
  type CacheBatch,
  type CacheEntry,
  type CacheItem,
  type CasResult,
  type CasToken,
  EmbeddedCache,
  type ItemOptions,
} from '@larder/storage-memcache'
import type { Scheduler, SimProcess } from './scheduler.js'

/** A memcached of the simulated world. */
export class SimServer {
  readonly #scheduler: Scheduler
  readonly #maxItemBytes: number | undefined
  #cache: EmbeddedCache
  readonly #keys = new Set<string>()

  constructor(scheduler: Scheduler, maxItemBytes?: number) {
    this.#scheduler = scheduler
    this.#maxItemBytes = maxItemBytes
    this.#cache = this.#empty()
  }

  get cache(): EmbeddedCache {
    return this.#cache
  }

  touched(key: string): void {
    this.#keys.add(key)
  }

  async evictOne(): Promise<void> {
    if (this.#keys.size === 0) return
    const key = this.#scheduler.pick([...this.#keys])
    this.#scheduler.note(`EVICT ${key}`)
    await this.#cache.delete(key)
  }

  /** Empty, and every CAS of before is void. */
  restart(): void {
    this.#scheduler.note('RESTART')
    this.#cache = this.#empty()
  }

  #empty(): EmbeddedCache {
    const now = () => this.#scheduler.nowMs
    return new EmbeddedCache(
      this.#maxItemBytes === undefined ? { now } : { now, maxItemBytes: this.#maxItemBytes },
    )
  }
}

/**
 * A client in one process: a command is executed at a step of its own, and its answer arrives at another, or never;
 * a command without an answer may have been executed, or be executed later.
 */
export class SimCache implements Cache {
  readonly #server: SimServer
  readonly #scheduler: Scheduler
  readonly #process: SimProcess
  /** How likely a command gets no answer. */
  lossRate: number

  constructor(server: SimServer, scheduler: Scheduler, process: SimProcess, lossRate: number) {
    this.#server = server
    this.#scheduler = scheduler
    this.#process = process
    this.lossRate = lossRate
  }

  get maxItemBytes(): number {
    return this.#server.cache.maxItemBytes
  }

  get(key: string): Promise<CacheItem | undefined> {
    return this.#call(`get ${key}`, [key], (cache) => cache.get(key))
  }

  async getMulti(keys: readonly string[]): Promise<CacheBatch> {
    const failed = (error: Error) => ({ items: new Map(), failed: new Map(keys.map((key) => [key, error])) })
    return this.#call(`get ${keys.join(' ')}`, keys, (cache) => cache.getMulti(keys)).catch(failed)
  }

  set(key: string, value: Uint8Array, options?: ItemOptions): Promise<CasToken> {
    return this.#call(`set ${key}`, [key], (cache) => cache.set(key, value, options))
  }

  async setMulti(entries: readonly CacheEntry[]): Promise<ReadonlyMap<string, Error>> {
    const keys = entries.map(({ key }) => key)
    const failed = (error: Error) => new Map(keys.map((key) => [key, error]))
    return this.#call(`set ${keys.join(' ')}`, keys, (cache) => cache.setMulti(entries)).catch(failed)
  }

  add(key: string, value: Uint8Array, options?: ItemOptions): Promise<CasToken | undefined> {
    return this.#call(`add ${key}`, [key], (cache) => cache.add(key, value, options))
  }

  replace(key: string, value: Uint8Array, options?: ItemOptions): Promise<CasToken | undefined> {
    return this.#call(`replace ${key}`, [key], (cache) => cache.replace(key, value, options))
  }

  cas(key: string, value: Uint8Array, token: CasToken, options?: ItemOptions): Promise<CasResult> {
    return this.#call(`cas ${key}`, [key], (cache) => cache.cas(key, value, token, options))
  }

  append(key: string, value: Uint8Array): Promise<boolean> {
    return this.#call(`append ${key}`, [key], (cache) => cache.append(key, value))
  }

  prepend(key: string, value: Uint8Array): Promise<boolean> {
    return this.#call(`prepend ${key}`, [key], (cache) => cache.prepend(key, value))
  }

  delete(key: string, options?: { readonly cas?: CasToken }): Promise<'deleted' | 'exists' | 'not-found'> {
    return this.#call(`delete ${key}${options?.cas === undefined ? '' : ' cas'}`, [key], (cache) =>
      cache.delete(key, options),
    )
  }

  touch(key: string, ttlMs: number | undefined): Promise<boolean> {
    return this.#call(`touch ${key}`, [key], (cache) => cache.touch(key, ttlMs))
  }

  async close(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}

  async #call<T>(
    label: string,
    keys: readonly string[],
    execute: (cache: EmbeddedCache) => Promise<T>,
  ): Promise<T> {
    const who = this.#process.name
    const isLost = this.#scheduler.chance(this.lossRate)
    for (const key of keys) this.#server.touched(key)
    if (isLost && this.#scheduler.chance(0.7)) {
      // Executed at some time, perhaps long after the caller gave up.
      void this.#scheduler
        .step(`${who}: ${label} (answer lost)`)
        .then(() => execute(this.#server.cache))
        .catch(() => undefined)
    }
    if (isLost) {
      await this.#scheduler.sleep(500, this.#process)
      throw new StorageError('E_TIMEOUT', 'No answer')
    }
    await this.#scheduler.step(`${who}: ${label}`, this.#process)
    const answer = await execute(this.#server.cache)
    await this.#scheduler.step(`${who}: ${label} answered`, this.#process)
    return answer
  }
}

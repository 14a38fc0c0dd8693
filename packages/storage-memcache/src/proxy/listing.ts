import { isStorageError, type Storage, untilAborted } from '@larder/storage-core'
import type { StorageCounters } from './counters.js'
import type { Environment } from '../environment.js'
import type { MemberSet } from './member-set.js'
import type { Settings } from './settings.js'

/** How many members a query of the storage behind brings. */
const BATCH = 10_000

/** Errors of a cache; those of the storage behind are passed on. */
const CACHE_TROUBLE: ReadonlySet<string> = new Set([
  'E_CACHE_UNAVAILABLE',
  'E_TIMEOUT',
  'E_OVERLOADED',
  'E_SERVER',
  'E_CLOSED',
])

/** Lists a collection from its member set, or from the storage behind while there is none. */
export class Listing {
  readonly #storage: Storage
  readonly #members: MemberSet
  readonly #settings: Settings
  readonly #env: Environment
  readonly #counters: StorageCounters
  readonly #builds = new Map<string, Promise<readonly string[] | undefined>>()

  constructor(
    storage: Storage,
    members: MemberSet,
    settings: Settings,
    env: Environment,
    counters: StorageCounters,
  ) {
    this.#storage = storage
    this.#members = members
    this.#settings = settings
    this.#env = env
    this.#counters = counters
  }

  async *names(
    headKey: string,
    collection: string,
    ext: string | undefined,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<readonly string[], void, undefined> {
    const names = await untilAborted(this.#fromSet(headKey, collection), signal)
    if (names !== undefined) {
      yield ext === undefined ? names : names.filter((name) => name.endsWith(ext))
      return
    }
    for await (const rows of this.#behind(collection, ext, signal)) yield rows.map(({ name }) => name)
  }

  /** Undefined: the set cannot tell, and is being built by somebody else or out of reach. */
  async #fromSet(headKey: string, collection: string): Promise<readonly string[] | undefined> {
    const giveUpAt = this.#env.now() + this.#settings.fillWaitMs
    try {
      for (let pauseMs = 2; ; pauseMs = Math.min(pauseMs * 2, 32)) {
        const names = await this.#members.read(headKey)
        if (names !== undefined && names !== 'busy') {
          this.#counters.listHits++
          return names
        }
        if (names === undefined) {
          const built = await this.#build(headKey, collection)
          if (built !== undefined) return built
        }
        if (this.#env.now() >= giveUpAt) return undefined
        await this.#env.sleep(pauseMs * (0.5 + this.#env.random()))
      }
    } catch (error) {
      if (!isStorageError(error) || !CACHE_TROUBLE.has(error.code)) throw error
      this.#counters.cacheErrors++
      return undefined
    }
  }

  /** Those who come before the storage behind is asked share what it says. */
  async #build(headKey: string, collection: string): Promise<readonly string[] | undefined> {
    const open = this.#builds.get(headKey)
    if (open !== undefined) return open
    const build = this.#members.build(headKey, () => {
      this.#builds.delete(headKey)
      return this.#behind(collection, undefined, undefined)
    })
    this.#builds.set(headKey, build)
    try {
      return await build
    } finally {
      if (this.#builds.get(headKey) === build) this.#builds.delete(headKey)
    }
  }

  async *#behind(
    collection: string,
    ext: string | undefined,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<readonly { readonly name: string; readonly version: number }[], void, undefined> {
    this.#counters.durableListings++
    let after: string | undefined
    do {
      const page = await this.#storage.page(collection, { ext, limit: BATCH, after, signal })
      yield page.entries
      after = page.next
    } while (after !== undefined)
  }
}

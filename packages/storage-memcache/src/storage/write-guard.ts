import type { CasToken, Environment } from '@larder/memcached'
import {
  CacheUnavailableError,
  isStorageError,
  LockTimeoutError,
  OutcomeUnknownError,
} from '@larder/storage-core'
import { Backoff, throwIfAborted } from '@larder/storage-core/driver'
import type { StorageCounters } from '../counters.js'
import type { PartCache } from './part-cache.js'
import type { Content } from './part-form.js'
import { settleAll } from '../coherence/index.js'
import type { Settings } from '../settings.js'

/** A commit is sent this long before its mark may vanish, in milliseconds, to leave room for the commit itself. */
const COMMIT_MARGIN_MS = 5_000
/** How often a write that need not be sure looks again at a cache that does not answer. */
const BYPASS_ATTEMPTS = 2
const LOCK_PAUSES = Object.freeze({ firstMs: 1, longestMs: 50 })
const CONFIRM_PAUSES = Object.freeze({ firstMs: 10, longestMs: 100 })

/** The marks of one write, from before its commit until the cache is known to be right. */
export class WriteGuard {
  /** Until when to try to learn that the cache is right. Default: as long as the settings say, for each step. */
  confirmBy: number | undefined
  readonly #cache: PartCache
  readonly #settings: Settings
  readonly #env: Environment
  readonly #counters: StorageCounters
  readonly #marks = new Map<string, CasToken | undefined>()
  /** Marks on their way: one that arrives after the write was given up must still be taken away. */
  #marking: Promise<void> = Promise.resolve()
  #isMarking = false
  /** Whether the marks may stand in the place of another writer's, which told that the listing may not have heard. */
  #coverOthers: Promise<boolean> = Promise.resolve(false)

  constructor(cache: PartCache, settings: Settings, env: Environment, counters: StorageCounters) {
    this.#cache = cache
    this.#settings = settings
    this.#env = env
    this.#counters = counters
  }

  /**
   * Marks the keys, whatever stands there. To be called with the row locked. Resolves to the instant by which the
   * commit must have been sent; rejects with `E_CACHE_UNAVAILABLE` where the settings ask for it. Marks that replace
   * others', as `isContested` will tell, stay until they expire if nothing is written.
   */
  async mark(keys: readonly string[], isContested: Promise<boolean>): Promise<number> {
    const startedAt = this.#env.now()
    this.#coverOthers = isContested.catch(() => true)
    const marking = settleAll(
      keys.map(async (key) => this.#marks.set(key, await this.#attempt(key, this.#cache.mark(key)))),
    )
    this.#isMarking = true
    this.#marking = marking
      .catch(() => undefined)
      .then(() => {
        this.#isMarking = false
      })
    await marking
    // memcached may end an item early: half of the time is the margin where the whole is short.
    const { markTtlMs } = this.#settings
    return startedAt + Math.max(markTtlMs - COMMIT_MARGIN_MS, markTtlMs / 2)
  }

  /**
   * Whether another writer's mark stands under one of the keys: it may have committed and not yet told the listing
   * of it. So may one that the cache does not tell of.
   */
  async isContested(keys: readonly string[]): Promise<boolean> {
    const contested = await Promise.all(keys.map((key) => this.#cache.mayBeMarked(key)))
    return contested.includes(true)
  }

  /**
   * Marks the keys one after the other, waiting for the marks of others: the lock of a storage without
   * transactions. `keys` must be in the same order for every writer. Rejects with `E_LOCK_TIMEOUT`.
   */
  async lock(keys: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    const giveUpAt = this.#env.now() + this.#settings.lockTimeoutMs
    const owner = Buffer.from(this.#env.uniqueId())
    for (const key of keys) this.#marks.set(key, await this.#lockOne(key, owner, giveUpAt, signal))
  }

  async #lockOne(
    key: string,
    owner: Uint8Array,
    giveUpAt: number,
    signal: AbortSignal | undefined,
  ): Promise<CasToken | undefined> {
    const backoff = this.#backoff(LOCK_PAUSES)
    for (;;) {
      throwIfAborted(signal, key)
      const marking = this.#cache.markIfFree(key, owner).then((token) => token ?? ('taken' as const))
      const token = await this.#attempt(key, marking)
      if (token !== 'taken') return token
      if (this.#env.now() >= giveUpAt) {
        const { lockTimeoutMs } = this.#settings
        throw new LockTimeoutError(`Another write held the resource for ${lockTimeoutMs} ms`, { key })
      }
      await this.#env.sleep(backoff.next())
    }
  }

  /** Undefined: the cache did not answer, and the settings let the write go on. */
  async #attempt<T>(key: string, marking: Promise<T>): Promise<T | undefined> {
    try {
      return await marking
    } catch (cause) {
      this.#counters.cacheErrors++
      if (this.#settings.whenCacheFails === 'bypass') return undefined
      throw new CacheUnavailableError('The cache could not be message of the write; nothing was written', {
        key,
        cause,
      })
    }
  }

  /** After a write that did not happen. Where that is unknown, the marks stay until they expire. */
  async rollBack(error: unknown): Promise<void> {
    if (isStorageError(error, 'E_OUTCOME_UNKNOWN')) return
    if (this.#isMarking) void this.#marking.then(() => this.#releaseAll())
    else await this.#releaseAll()
  }

  async #releaseAll(): Promise<void> {
    if (await this.#coverOthers) return
    await Promise.all(
      [...this.#marks].map(async ([key, token]) => token && (await this.#cache.release(key, token))),
    )
  }

  /**
   * After the commit: puts the new content in the place of the mark. Resolves to whether the cache is known to hold
   * nothing older than `version`; where the settings ask for certainty, rejects with `E_OUTCOME_UNKNOWN` instead of
   * resolving to false.
   */
  install(key: string, version: number, content: Content): Promise<boolean> {
    const token = this.#marks.get(key)
    return this.confirm(key, async () => {
      // Not found and exists leave the new value out, which is safe; what else stands there must not be older.
      if (token !== undefined && (await this.#isReplaced(key, token, content))) return
      // A mark that this write's own did not void may belong to an older write that is yet to install.
      if (token === undefined) await this.#cache.repair(key, version)
      else await this.#cache.evictOlder(key, version)
    })
  }

  /**
   * The same for a storage without transactions, where a lost mark means that another writer may be about to
   * install what is older by now: only taking everything away is safe.
   */
  installOrDrop(key: string, content: Content): Promise<boolean> {
    const token = this.#marks.get(key)
    return this.confirm(key, async () => {
      if (token === undefined || !(await this.#isReplaced(key, token, content))) await this.#cache.drop(key)
    })
  }

  async #isReplaced(key: string, token: CasToken, content: Content): Promise<boolean> {
    const status = await this.#cache.replace(key, token, content)
    return status === 'stored' || status === 'left out'
  }

  /** Repeats `step` until the cache answers it, or until the settings let go; resolves and rejects as `install`. */
  async confirm(key: string, step: () => Promise<void>): Promise<boolean> {
    const { whenCacheFails, confirmTimeoutMs } = this.#settings
    const giveUpAt = this.confirmBy ?? this.#env.now() + confirmTimeoutMs
    const backoff = this.#backoff(CONFIRM_PAUSES)
    for (let attempt = 1; ; attempt++) {
      try {
        await step()
        return true
      } catch (cause) {
        this.#counters.cacheErrors++
        if (whenCacheFails === 'bypass') {
          // A server that is known to be dead will not answer a moment later.
          if (attempt >= BYPASS_ATTEMPTS || isStorageError(cause, 'E_CACHE_UNAVAILABLE')) return false
        } else if (this.#env.now() >= giveUpAt) {
          const message =
            'The write is committed, but whether the cache still holds what was before is unknown'
          throw new OutcomeUnknownError(message, { key, cause })
        }
        await this.#env.sleep(backoff.next())
      }
    }
  }

  #backoff(pauses: { readonly firstMs: number; readonly longestMs: number }): Backoff {
    return new Backoff({ ...pauses, random: () => this.#env.random() })
  }
}

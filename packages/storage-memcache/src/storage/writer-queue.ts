import type { Environment } from '@larder/memcached'
import { LockTimeoutError } from '@larder/storage-core'
import { KeyedMutex } from '@larder/storage-core/driver'

/** Writers of one resource queue here rather than at the database's row lock, where each holds a connection. */
export class WriterQueue {
  readonly #mutex = new KeyedMutex()
  readonly #limitMs: number | undefined
  readonly #env: Environment

  /** `limitMs`: how long to wait for a turn. Without one, those ahead are trusted to end within their time-outs. */
  constructor(limitMs: number | undefined, env: Environment) {
    this.#limitMs = limitMs
    this.#env = env
  }

  /** Holds the turns of all keys while `work` runs. Rejects with `E_ABORTED` and `E_LOCK_TIMEOUT`. */
  async run<T>(keys: readonly string[], work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const releases: (() => void)[] = []
    try {
      // In one order for all, so that no two wait for each other.
      for (const key of [...new Set(keys)].sort()) releases.push(await this.#turn(key, signal))
      return await work()
    } finally {
      for (const release of releases) release()
    }
  }

  async #turn(key: string, signal: AbortSignal | undefined): Promise<() => void> {
    const limitMs = this.#limitMs
    if (limitMs === undefined) return this.#mutex.acquire(key, signal)
    const late = new AbortController()
    const ours = signal === undefined ? late.signal : AbortSignal.any([signal, late.signal])
    void this.#env.idle(limitMs).then(() => late.abort())
    try {
      return await this.#mutex.acquire(key, ours)
    } catch (error) {
      if (!late.signal.aborted || signal?.aborted === true) throw error
      throw new LockTimeoutError(`Another write of this process took more than ${limitMs} ms`, { key })
    }
  }
}

import type { Environment } from '@larder/memcached'
import { inBackground } from '../coherence/index.js'

/** How long a journal row of a finished write may wait for others to go with it, in milliseconds. */
const GATHER_MS = 200
const MAX_BATCH = 500

/** Drops the journal rows of finished writes, many in one statement and behind their backs. */
export class Settler {
  readonly #settle: (journalIds: readonly string[]) => Promise<void>
  readonly #env: Environment
  #waiting: string[] = []
  #gathering = false
  #flushed: Promise<void> = Promise.resolve()

  constructor(settle: (journalIds: readonly string[]) => Promise<void>, env: Environment) {
    this.#settle = settle
    this.#env = env
  }

  add(journalId: string): void {
    this.#waiting.push(journalId)
    if (this.#gathering) return
    this.#gathering = true
    const flushSoon = async () => {
      await this.#env.idle(GATHER_MS)
      this.#gathering = false
      await this.flush()
    }
    inBackground(() => void flushSoon())
  }

  /** Drops what waits, now, and waits for what is being dropped. Never rejects: the relay settles what stays. */
  flush(): Promise<void> {
    this.#flushed = this.#flushed.then(() => this.#drain())
    return this.#flushed
  }

  /** Not what comes meanwhile: it gathers anew, or every few writes would pay for a transaction of their own. */
  async #drain(): Promise<void> {
    for (let left = this.#waiting.length; left > 0; left -= MAX_BATCH) {
      await this.#settle(this.#waiting.splice(0, Math.min(left, MAX_BATCH))).catch(() => undefined)
    }
  }
}

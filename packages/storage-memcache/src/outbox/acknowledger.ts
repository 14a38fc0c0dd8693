import type { Environment } from '@larder/memcached'
import { inBackground } from '../coherence/index.js'

/** How long a journal row of a finished write may wait for others to go with it, in milliseconds. */
const GATHER_MS = 200
const MAX_BATCH = 500

/** Deletes the journal rows of finished writes, many in one statement, outside any caller's trace. */
export class Acknowledger {
  readonly #acknowledge: (journalIds: readonly string[]) => Promise<void>
  readonly #env: Environment
  #waiting: string[] = []
  #gathering = false
  #flushed: Promise<void> = Promise.resolve()

  constructor(acknowledge: (journalIds: readonly string[]) => Promise<void>, env: Environment) {
    this.#acknowledge = acknowledge
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

  /** Deletes all waiting rows now. Never rejects: the relay acknowledges rows that stay. */
  flush(): Promise<void> {
    this.#flushed = this.#flushed.then(() => this.#drain())
    return this.#flushed
  }

  /** Not what comes meanwhile: it gathers anew, or every few writes would pay for a transaction of their own. */
  async #drain(): Promise<void> {
    for (let left = this.#waiting.length; left > 0; left -= MAX_BATCH) {
      await this.#acknowledge(this.#waiting.splice(0, Math.min(left, MAX_BATCH))).catch(() => undefined)
    }
  }
}

import { abortedError, onAbort, throwIfAborted } from './abort.js'

interface Waiter {
  readonly grant: () => void
}

/** Locks by name within this process. Waiters of a key are served in the order in which they came. */
export class KeyedMutex {
  readonly #queues = new Map<string, Waiter[]>()

  /** How many keys are held. */
  get size(): number {
    return this.#queues.size
  }

  /**
   * Resolves to the function that gives the lock back; calling that twice does nothing. Rejects with `E_ABORTED`
   * when `signal` fires first; the place in the queue is then given up.
   */
  async acquire(key: string, signal?: AbortSignal): Promise<() => void> {
    throwIfAborted(signal, key)
    const queue = this.#queues.get(key)
    if (queue === undefined) {
      this.#queues.set(key, [])
      return this.#releaser(key)
    }
    await new Promise<void>((resolve, reject) => {
      const waiter: Waiter = {
        grant: () => {
          release?.()
          resolve()
        },
      }
      queue.push(waiter)
      const release =
        signal &&
        onAbort(signal, () => {
          queue.splice(queue.indexOf(waiter), 1)
          reject(abortedError(signal, key))
        })
    })
    return this.#releaser(key)
  }

  /** Holds the lock while `work` runs. */
  async run<T>(key: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const release = await this.acquire(key, signal)
    try {
      return await work()
    } finally {
      release()
    }
  }

  #releaser(key: string): () => void {
    let held = true
    return () => {
      if (!held) return
      held = false
      const next = this.#queues.get(key)?.shift()
      if (next === undefined) this.#queues.delete(key)
      else next.grant()
    }
  }
}

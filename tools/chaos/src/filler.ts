import { RemoteCache } from '@larder/memcached'
import { setTimeout as sleep } from 'node:timers/promises'

const BATCH = 150
const BYTES = 400
const PAUSE_MS = 60

/** Another client of the same servers, which only writes: it evicts what the processes keep there. */
export class Filler {
  readonly #caches: readonly RemoteCache[]
  #floodsUntil = 0
  #ended = false
  #count = 0

  constructor(addresses: readonly string[]) {
    this.#caches = addresses.map((address) => new RemoteCache(address, { timeoutMs: 500, deadTimeoutMs: 50 }))
  }

  /** Fills the first server all the time, and the others while there is a flood. */
  async run(): Promise<void> {
    while (!this.#ended) {
      const floods = performance.now() < this.#floodsUntil
      const filled = floods ? this.#caches : this.#caches.slice(0, 1)
      await Promise.all(filled.map((cache) => this.#fill(cache)))
      await sleep(PAUSE_MS)
    }
  }

  flood(ms: number): void {
    this.#floodsUntil = performance.now() + ms
  }

  async end(): Promise<void> {
    this.#ended = true
    for (const cache of this.#caches) await cache.close()
  }

  async #fill(cache: RemoteCache): Promise<void> {
    const value = Buffer.alloc(BYTES, 'f')
    const entries = Array.from({ length: BATCH }, () => ({
      key: `filler:${++this.#count}`,
      value,
      ttlMs: 60_000,
    }))
    // A server that is down is filled again when it is back.
    await cache.setMulti(entries).catch(() => undefined)
  }
}

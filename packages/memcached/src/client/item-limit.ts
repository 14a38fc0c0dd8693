import { isStorageError } from '@larder/storage-core/base'
import { maxItemBytesFor } from '../protocol/index.js'
import type { Channel } from '../transport/index.js'

/** The smallest `-I` that memcached takes, in bytes: smaller values are never too large. */
const SMALLEST_LIMIT_BYTES = 1_024

/** How large a value may be: as the options say, until a server with a smaller `-I` refuses one. */
export class ItemLimit {
  #maxBytes: number
  readonly #learning = new Map<Channel, Promise<void>>()

  constructor(serverItemLimitBytes: number) {
    this.#maxBytes = maxItemBytesFor(serverItemLimitBytes)
  }

  get maxBytes(): number {
    return this.#maxBytes
  }

  /** The same promise, which rejects with `E_TOO_LARGE` only once the limit is lower. */
  watch<T>(server: Channel, bytes: number, storing: Promise<T>): Promise<T> {
    if (bytes < SMALLEST_LIMIT_BYTES / 2) return storing
    return storing.catch(async (error: unknown) => {
      await this.learn(server, bytes, [error])
      throw error
    })
  }

  /** Learns from values of up to `bytes` bytes, some of which were refused with these errors. */
  async learn(server: Channel, bytes: number, errors: Iterable<unknown>): Promise<void> {
    if (![...errors].some((error) => isStorageError(error, 'E_TOO_LARGE'))) return
    const learning = this.#learning.get(server) ?? this.#lower(server, bytes)
    this.#learning.set(server, learning)
    await learning
    this.#learning.delete(server)
  }

  async #lower(server: Channel, bytes: number): Promise<void> {
    if (bytes > this.#maxBytes) return
    const limit = await server.execute({ kind: 'stats', topic: 'settings' }).then(
      (settings) => maxItemBytesFor(Number(settings.get('item_size_max'))),
      () => NaN,
    )
    // A server that does not tell its settings is approached from above.
    const isTold = limit >= SMALLEST_LIMIT_BYTES / 2 && limit < bytes
    this.#maxBytes = Math.min(this.#maxBytes, isTold ? limit : Math.floor(bytes / 2))
  }
}

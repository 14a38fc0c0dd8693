import type { CacheBatch, CacheItem } from '../cache.js'
import { OVERHEAD_BYTES } from './command.js'
import type { WireItem, WireKey } from './transport.js'

/** What has come of a batch of reads so far. */
export class ItemBatch implements CacheBatch {
  readonly items = new Map<string, CacheItem>()
  readonly failed = new Map<string, Error>()

  /** Notes what `read` makes of the frame, or what it throws. */
  take<Frame>(
    { text }: WireKey,
    read: (frame: Frame, from: object) => CacheItem | undefined,
    frame: Frame,
    from: object,
  ): void {
    try {
      const item = read(frame, from)
      if (item !== undefined) this.items.set(text, item)
    } catch (error) {
      this.failed.set(text, error as Error)
    }
  }
}

export function bytesOfKeys(keys: readonly WireKey[]): number {
  return keys.reduce((sum, key) => sum + key.bytes + OVERHEAD_BYTES, 0)
}

export function bytesOfItems(items: readonly WireItem[]): number {
  return items.reduce((sum, { key, value }) => sum + key.bytes + value.byteLength + OVERHEAD_BYTES, 0)
}

import type { CacheBatch, CacheItem } from '../cache.js'

/** What has come of a batch of reads so far. */
export class ItemBatch implements CacheBatch {
  readonly items = new Map<string, CacheItem>()
  readonly failed = new Map<string, Error>()

  /** Notes what `read` makes of the frame, or what it throws. */
  take<Frame>(
    key: string,
    read: (frame: Frame, from: object) => CacheItem | undefined,
    frame: Frame,
    from: object,
  ): void {
    try {
      const item = read(frame, from)
      if (item !== undefined) this.items.set(key, item)
    } catch (error) {
      this.failed.set(key, error as Error)
    }
  }
}

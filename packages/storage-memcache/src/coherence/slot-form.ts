import type { CacheItem } from '@larder/memcached'
import type { SplitBody } from './chunks.js'
import type { StampsNow } from './stamps.js'

/** What an item is, told by its flags. */
export type SlotItemKind = 'value' | 'lease' | 'mark' | 'other'

/**
 * How one user of the kernel writes its items. `V` is what a reader gets; `C` is what is stored, with what the form needs to
 * know of it beside the value.
 */
export interface SlotForm<V, C> {
  readonly leaseFlags: number
  /** How long past `freshUntil` a value counts, in milliseconds. */
  readonly graceMs: number
  kindOf(item: Pick<CacheItem, 'flags'>): SlotItemKind
  /** Undefined for bytes that are not such a value. */
  decode(item: CacheItem): Decoded<V> | undefined
  /** Undefined: not to be cached. Rejects if a server does not answer. */
  encode(key: string, content: C, stamps: StampsNow): Promise<EncodedItem | undefined>
}

/** A value with what decides whether it counts. */
export interface Decoded<V> {
  /** The stamps that it was made under. */
  readonly stamps: StampsNow
  /** By the wall clock; `Infinity`: as long as the item stays. */
  readonly freshUntil: number
  /** The value, or where its bytes are if they do not fit into one item. */
  readonly body: WholeBody<V> | ChunkedBody<V>
}

export interface WholeBody<V> {
  readonly split?: undefined
  readonly value: V
}

export interface ChunkedBody<V> {
  readonly split: SplitBody
  join(bytes: Buffer): V
}

export interface EncodedItem {
  readonly bytes: Buffer
  readonly flags: number
  /** Undefined: it does not expire. */
  readonly ttlMs: number | undefined
}

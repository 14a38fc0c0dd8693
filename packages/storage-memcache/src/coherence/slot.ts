import type { CasToken } from '@larder/memcached'
import type { StampsNow } from './stamps.js'

/** Where a slot is, and which stamps void what it holds. */
export interface SlotAddress {
  readonly key: string
  /** The keys of the stamps, always in the same order. */
  readonly stampKeys: readonly string[]
  /** Where the refresh lease is. */
  readonly refreshKey: string
}

/** What a fill must find unchanged. */
export interface Fence {
  /** Of the item that the fill replaces; undefined: there was none. */
  readonly token: CasToken | undefined
  readonly stamps: StampsNow
}

/** What a lookup finds in a slot. */
export type Lookup<V> =
  | { readonly kind: 'fresh'; readonly value: V }
  | Stale<V>
  /** No item, or one that no longer counts. */
  | { readonly kind: 'empty'; readonly fence: Fence }
  /** Another reader's fill lease. */
  | { readonly kind: 'leased'; readonly fence: Fence }
  /** A writer's mark. */
  | { readonly kind: 'marked' }
  /** The server did not answer. */
  | typeof DOWN

/** A value past its `ttlMs` and within its grace. */
export interface Stale<V> {
  readonly kind: 'stale'
  readonly value: V
  readonly fence: Fence
}

export const DOWN: { readonly kind: 'down' } = Object.freeze({ kind: 'down' })
export const NO_STAMPS: StampsNow = Object.freeze([])

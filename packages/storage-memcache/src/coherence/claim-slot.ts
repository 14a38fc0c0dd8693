import type { Environment } from '@larder/memcached'
import { Patience } from './patience.js'
import { DOWN, type Fence, type SlotAddress } from './slot.js'
import type { Slots } from './slots.js'

/** What a caller gets that loads by itself: a fresh value, or the fence of its own fill lease. */
export type Claim<V> =
  | { readonly kind: 'fresh'; readonly value: V }
  | { readonly kind: 'claimed'; readonly fence: Fence }
  /** Another reader's fill, or a writer, took longer than the caller waits. */
  | { readonly kind: 'late' }
  | typeof DOWN

const LATE = Object.freeze({ kind: 'late' })

/**
 * The reader's first half, for a caller whose load is not a function that the kernel could call. A value in its grace counts
 * as none. Never rejects.
 */
export async function claimSlot<V, C>(
  slots: Slots<V, C>,
  address: SlotAddress,
  fillWaitMs: number,
  env: Environment,
): Promise<Claim<V>> {
  const patience = new Patience(env, fillWaitMs)
  for (;;) {
    const found = await slots.look(address)
    if (found.kind === 'fresh' || found.kind === 'down') return found
    if (found.kind === 'leased' || found.kind === 'marked') {
      if (patience.leftMs === 0) return LATE
      await patience.pause()
      continue
    }
    const fence = await slots.lease(address.key, found.fence)
    if (fence === 'down') return DOWN
    if (fence !== undefined) return { kind: 'claimed', fence }
  }
}

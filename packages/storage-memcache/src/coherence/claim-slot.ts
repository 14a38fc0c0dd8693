import type { CasToken, Environment } from '@larder/memcached'
import { FillWait } from './fill-wait.js'
import { DOWN, type Fence, type SlotAddress, type Stale } from './slot.js'
import type { Slots } from './slots.js'

/** What a caller gets that loads by itself: a fresh value, or the fence of its own fill. */
export type Claim<V> =
  | { readonly kind: 'fresh'; readonly value: V }
  | { readonly kind: 'claimed'; readonly fence: Fence }
  | Refresh<V>
  /** Another reader's fill, or a writer, took longer than the caller waits; `fence`: of the other reader's lease. */
  | { readonly kind: 'late'; readonly fence: Fence | undefined }
  | typeof DOWN

/** A value in its grace. `lease`: the caller has the refresh lease; undefined: another reader has it. */
export interface Refresh<V> extends Pick<Stale<V>, 'value' | 'fence'> {
  readonly kind: 'refresh'
  readonly lease: CasToken | undefined
}

export interface ClaimPolicy {
  /** How long the caller waits for another's fill, in milliseconds. */
  readonly fillWaitMs: number
  /** What a value in its grace counts as: a value to refresh, or none. */
  readonly inGrace: 'refresh' | 'empty'
}

/** The reader's first half, for a caller whose load is not a function that the kernel could call. Never rejects. */
export async function claimSlot<V, C>(
  slots: Slots<V, C>,
  address: SlotAddress,
  { fillWaitMs, inGrace }: ClaimPolicy,
  env: Environment,
): Promise<Claim<V>> {
  const wait = new FillWait(env, fillWaitMs)
  for (;;) {
    const found = await slots.lookUp(address)
    if (found.kind === 'fresh' || found.kind === 'down') return found
    if (found.kind === 'leased' || found.kind === 'marked') {
      if (wait.leftMs === 0) return { kind: 'late', fence: found.kind === 'leased' ? found.fence : undefined }
      await wait.pause()
      continue
    }
    if (found.kind === 'stale' && inGrace === 'refresh') return refresh(slots, address, found)
    const fence = await slots.lease(address.key, found.fence)
    if (fence === 'down') return DOWN
    if (fence !== undefined) return { kind: 'claimed', fence }
  }
}

async function refresh<V, C>(
  slots: Slots<V, C>,
  { refreshKey }: SlotAddress,
  { value, fence }: Stale<V>,
): Promise<Claim<V>> {
  const lease = await slots.leaseRefresh(refreshKey)
  return lease === 'down' ? DOWN : { kind: 'refresh', value, fence, lease }
}

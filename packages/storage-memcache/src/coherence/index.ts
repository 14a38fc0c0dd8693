/**
 * The coherence kernel: what a cached slot can hold, and who may change it. Everything that caches in memcached uses it.
 *
 * - A **slot** is one key of the cache. A **lookup** finds it fresh, stale, empty, leased, marked or down.
 * - A reader that finds it empty puts a **fill lease** there, loads from the **source**, and **fills**: the value replaces
 *   the very item that was seen (its **fence**).
 * - A writer puts a **mark** there before it commits. It voids the fill lease.
 * - A reader that finds a mark, or waits too long for another's fill, **bypasses** the cache. Then it **evicts older** values
 *   and leases, so that no later reader steps back behind it.
 * - A value past its time is served in its **grace** while one reader refreshes it under a **refresh lease**.
 * - A **stamp** voids many slots by one store.
 * - Callers of one process share a **run** of the source if it began after they came.
 */

export { inBackground } from './background.js'
export { cacheKey } from './cache-key.js'
export { dropChunks, hasChunks, loadChunks, storeChunks, type SplitBody } from './chunks.js'
export { type Claim, type ClaimPolicy, claimSlot } from './claim-slot.js'
export { NearCopies, type NearCounters } from './near-copies.js'
export { Marks, type VersionedForm } from './marks.js'
export {
  checkGrace,
  GRACE_OPTIONS,
  NEAR_OPTIONS,
  RELAY_OPTIONS,
  TTL_JITTER,
  type WhenCacheFails,
} from './options.js'
export { gather, inWaves, settleAll, settleBoth, wavesOf } from './promises.js'
export { RelayLoop } from './relay-loop.js'
export type { ReaderCounters, ReaderPolicy, Source, ValueOrder } from './reader-policy.js'
export { DOWN, NO_STAMPS, type Fence, type Lookup, type SlotAddress, type Stale } from './slot.js'
export type { Decoded, EncodedItem, SlotForm, SlotItemKind } from './slot-form.js'
export { SlotReader } from './slot-reader.js'
export { type FillStatus, Slots } from './slots.js'
export type { Stamps, StampsNow } from './stamps.js'
export { EMPTY, flagsOf, kindOf, storedPart } from './entry.js'
export { OwnedMarks } from './owned-marks.js'
export * as entry from './entry.js'

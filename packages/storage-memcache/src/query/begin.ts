import type { CasToken, Environment } from '@larder/memcached'
import { type Claim, claimSlot, type Fence, type SlotAddress, TTL_JITTER } from '../coherence/index.js'
import type { QueryCounters } from './query-counters.js'
import type { QuerySlots, StoredResult } from './query-form.js'
import type { QueryLookup, QueryMiss } from './query-lookup.js'
import type { ResultForm } from './result-form.js'

/** One call of `begin`. Durations in milliseconds. */
export interface BeginCall {
  readonly key: string
  readonly address: SlotAddress
  readonly form: ResultForm
  readonly ttlMs: number
  readonly graceMs: number
  readonly fillWaitMs: number
}

export interface BeginParts {
  readonly slots: QuerySlots
  readonly env: Environment
  readonly counters: QueryCounters
}

type Readable = Extract<Claim<StoredResult>, { value: StoredResult }>

/** How many times a result that the form cannot read is dropped before the caller loads past the cache. */
const TRIES = 2

/** A hit, or the lease of the caller's own load. Never rejects. */
export async function begin(parts: BeginParts, call: BeginCall): Promise<QueryLookup<unknown>> {
  const { slots, counters, env } = parts
  const policy = { fillWaitMs: call.fillWaitMs, inGrace: 'refresh' } as const
  for (let i = 0; i < TRIES; i++) {
    const claim = await claimSlot(slots, call.address, policy, env)
    if (!isReadable(claim)) return missOf(parts, call, claim)
    try {
      const value = await call.form.read(call.key, claim.value)
      counters.hits++
      if (claim.kind === 'refresh') counters.staleHits++
      return { isHit: true, value }
    } catch {
      counters.cacheErrors++
      await slots.drop(call.address.key).catch(() => undefined)
    }
  }
  return missOf(parts, call, { kind: 'down' })
}

/** What a caller is answered with: not the value in its grace that this caller is to refresh. */
function isReadable(claim: Claim<StoredResult>): claim is Readable {
  return claim.kind === 'fresh' || (claim.kind === 'refresh' && claim.lease === undefined)
}

function missOf(
  parts: BeginParts,
  call: BeginCall,
  claim: Exclude<Claim<StoredResult>, { kind: 'fresh' }>,
): QueryMiss {
  parts.counters.misses++
  switch (claim.kind) {
    case 'claimed':
      return new Miss(parts, call, claim.fence, { key: call.address.key, token: claim.fence.token })
    case 'refresh':
      return new Miss(parts, call, claim.fence, { key: call.address.refreshKey, token: claim.lease })
    case 'late':
      parts.counters.bypasses++
      return new Miss(parts, call, claim.fence, undefined)
    case 'down':
      parts.counters.bypasses++
      return new Miss(parts, call, undefined, undefined)
  }
}

/** The lease that this caller holds, of a fill or of a refresh. */
interface Held {
  readonly key: string
  readonly token: CasToken | undefined
}

class Miss implements QueryMiss {
  readonly isHit = false
  readonly #parts: BeginParts
  readonly #call: BeginCall
  /** Undefined: the result cannot be kept. */
  readonly #fence: Fence | undefined
  readonly #held: Held | undefined
  #isOver = false

  constructor(parts: BeginParts, call: BeginCall, fence: Fence | undefined, held: Held | undefined) {
    this.#parts = parts
    this.#call = call
    this.#fence = fence
    this.#held = held
  }

  async fill(value: unknown): Promise<boolean> {
    if (this.#isOver) return false
    this.#isOver = true
    let isStored = false
    try {
      const result = await this.#call.form.write(this.#call.key, value)
      isStored = await this.#store(result)
    } finally {
      if (!isStored || this.#held?.key !== this.#call.address.key) await this.#release()
    }
    return isStored
  }

  async release(): Promise<void> {
    if (this.#isOver) return
    this.#isOver = true
    await this.#release()
  }

  async #store(result: StoredResult): Promise<boolean> {
    if (this.#fence === undefined) return false
    const { slots, env, counters } = this.#parts
    const { ttlMs, graceMs, address } = this.#call
    const content = { result, ttlMs: ttlMs * (1 - TTL_JITTER * env.random()), graceMs }
    try {
      const status = await slots.fill(address.key, this.#fence, content)
      counters[status === 'stored' ? 'fills' : 'fillsRefused']++
      return status === 'stored'
    } catch {
      counters.cacheErrors++
      return false
    }
  }

  async #release(): Promise<void> {
    if (this.#held !== undefined) await this.#parts.slots.release(this.#held.key, this.#held.token)
  }
}

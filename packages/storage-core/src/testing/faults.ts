import type { ResourceInfo } from '../resource.js'
import type { TransactionHook } from '../transaction.js'
import { type Gate, GateControl } from './gate.js'

/** What a `FaultyStorage` tells calls by. */
export type CallKind = 'read' | 'write' | 'listing' | 'other'

/** One call of a storage, as a `FaultyStorage` saw it. */
export interface StorageCall {
  readonly kind: CallKind
  readonly method: string
  /** The infos it was about; for a listing, the collection's. */
  readonly infos: readonly ResourceInfo[]
}

/**
 * Where a call can be stopped or broken. `before`: the storage has not heard of it. `locked`: inside a write's
 * transaction, before the caller's hook. `commit`: inside the transaction, the hook has run. `after`: the storage is
 * done (a write is committed, a read has its bytes), the caller has no answer yet.
 */
export type FaultPoint = 'before' | 'locked' | 'commit' | 'after'

/** Which calls a `FaultyStorage` spoils. */
export type CallFilter = (call: StorageCall) => boolean

interface Fault {
  readonly kind: CallKind
  readonly at: FaultPoint
  readonly where: CallFilter
  readonly gate: GateControl
}

/** The faults that wait for a call. */
export class Faults {
  #waiting: Fault[] = []

  add(kind: CallKind, at: FaultPoint, where: CallFilter = () => true): Gate {
    const gate = new GateControl()
    this.#waiting.push({ kind, at, where, gate })
    return gate
  }

  clear(): void {
    for (const { gate } of this.#waiting.splice(0)) gate.open()
  }

  /** Takes the faults that are meant for this call: the first one of each point. */
  take(call: StorageCall): CallFaults {
    const taken = new Map<FaultPoint, Fault>()
    for (const fault of this.#waiting) {
      if (fault.kind === call.kind && !taken.has(fault.at) && fault.where(call)) taken.set(fault.at, fault)
    }
    const mine = new Set(taken.values())
    this.#waiting = this.#waiting.filter((fault) => !mine.has(fault))
    return new CallFaults(taken, (unmet) => this.#waiting.unshift(...unmet))
  }
}

/** The faults of one call. */
export class CallFaults {
  readonly #faults: Map<FaultPoint, Fault>
  readonly #passing = new Map<FaultPoint, Promise<void>>()
  readonly #giveBack: (unmet: readonly Fault[]) => void

  constructor(faults: Map<FaultPoint, Fault>, giveBack: (unmet: readonly Fault[]) => void) {
    this.#faults = faults
    this.#giveBack = giveBack
  }

  has(...points: readonly FaultPoint[]): boolean {
    return points.some((point) => this.#faults.has(point))
  }

  /** Who comes to the point while another stands there, waits with him. */
  async pass(point: FaultPoint, signal?: AbortSignal): Promise<void> {
    const fault = this.#faults.get(point)
    if (fault !== undefined) {
      this.#faults.delete(point)
      this.#passing.set(point, fault.gate.pass(signal))
    }
    await this.#passing.get(point)
  }

  /** The call is over. What it did not come to waits for the next: a write that failed early has no commit. */
  end(): void {
    this.#giveBack([...this.#faults.values()])
    this.#faults.clear()
  }
}

/** The hook, with a stop before it and behind it. Of several hooks of one transaction the others stop with the first. */
export function gatedHook(
  faults: CallFaults,
  hook: TransactionHook | undefined,
  signal: AbortSignal | undefined,
): TransactionHook {
  return {
    journal: hook?.journal,
    async beforeCommit(pending) {
      await faults.pass('locked', signal)
      const terms = await hook?.beforeCommit(pending)
      await faults.pass('commit', signal)
      return terms
    },
  }
}

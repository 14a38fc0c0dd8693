import type { StorageCounters } from '@larder/storage-memcache'
import type { Step, StepAction } from './steps.js'
import type { VariantName } from './variants.js'

/** What a worker is started with. */
export interface WorkerOrders {
  readonly id: string
  readonly servers: readonly string[]
  readonly databaseUrl: string
  readonly keyPrefix: string
  readonly whenCacheFails: 'bypass' | 'reject'
  readonly variant: VariantName
  readonly itemLimitBytes: number
  readonly seed: number
  /** Whether it writes within transactions of its own, too. */
  readonly hasProgram: boolean
}

/** From the run to a worker. `rest`: begin nothing more, and go on relaying. */
export type Command =
  | { readonly say: 'rest' }
  | { readonly say: 'end' }
  | { readonly say: 'at'; readonly step: Step; readonly action: StepAction }
  /** Nobody waits for the step any more. */
  | { readonly say: 'go on' }

export interface Seen {
  readonly name: string
  readonly version?: number | undefined
  readonly value?: string | undefined
}

/** An operation that has begun. Names are of resources in `collection`. */
export interface Begun {
  readonly id: string
  readonly kind: 'read' | 'write' | 'remove' | 'list'
  readonly collection: string
  readonly name?: string | undefined
  readonly value?: string | undefined
  /** In microseconds, by the clock of this machine. */
  readonly start: number
}

export interface Ended {
  readonly id: string
  readonly end: number
  readonly reads?: readonly Seen[] | undefined
  readonly names?: readonly string[] | undefined
  readonly written?:
    | {
        readonly version: number
        readonly changed: boolean
        readonly created: boolean
        /** Another write of this process, or this one, was acknowledged without the cache meanwhile. */
        readonly unconfirmed: boolean
      }
    | undefined
  /** A counter that was raised by one. */
  readonly raised?: string | undefined
  /** Calls to the cache have failed in this process shortly before or meanwhile. */
  readonly troubled: boolean
}

export interface Failed {
  readonly id: string
  readonly end: number
  readonly code: string
  readonly message: string
}

export interface Tally {
  readonly counters: StorageCounters
  /** Marks that were gone, or another's, when their writer came to install. */
  readonly lostMarks: number
  /** Leases that were gone, or another's, when their reader came to fill. */
  readonly lostLeases: number
}

/** From a worker to the run, a line each. */
export type Line =
  | { readonly say: 'ready' }
  | { readonly say: 'resting' }
  | ({ readonly say: 'begun' } & Begun)
  | ({ readonly say: 'ended' } & Ended)
  | ({ readonly say: 'failed' } & Failed)
  | ({ readonly say: 'at' } & { readonly step: Step; readonly action: StepAction })
  | ({ readonly say: 'tally' } & Tally)

/** One clock for all processes of this machine, in microseconds. */
export function clockUs(): number {
  return Number(process.hrtime.bigint() / 1_000n)
}

import { checkListings, checkRegisters, type Violation } from '@larder/storage-core/testing'
import {
  isAcknowledged,
  isInDoubt,
  membershipsOf,
  type Operation,
  registersOf,
  type View,
} from './history.js'

const ALL: View = { reads: () => true, unconfirmedCount: true }
const CONFIRMED: View = { reads: () => true, unconfirmedCount: false }
const UNTROUBLED: View = { reads: ({ troubled }) => !troubled, unconfirmedCount: false }

/** What the page on guarantees allows, and that happened. */
export interface Allowed {
  /** Reads of what an unconfirmed write had replaced (`whenCacheFails: 'bypass'`), until the relay has been there. */
  readonly staleAfterUnconfirmed: number
  /** Steps back behind what was read while the cache did not answer, or listed before the create was acknowledged. */
  readonly stepsBack: number
}

export interface Verdict {
  readonly violations: readonly Violation[]
  readonly allowed: Allowed
}

/**
 * Holds what was seen against what is promised. The order of versions is the registers' to tell: a listing that steps
 * back, as it may while a removal has not resolved, can look as if it had seen a write that was then yet to come.
 */
export function judge(operations: readonly Operation[]): Verdict {
  const promised = checkRegisters(registersOf(operations, CONFIRMED))
  const untroubled = checkRegisters(registersOf(operations, UNTROUBLED))
  const listings = checkListings(membershipsOf(operations, CONFIRMED))
  const violations = [
    ...promised.filter(isNoStepBack),
    // A reader whose cache did not answer could not take away what is older than what it read.
    ...untroubled.filter((violation) => !isNoStepBack(violation)),
    ...listings.filter(({ kind }) => kind === 'stale' || kind === 'unwritten'),
    ...unexpectedErrors(operations),
  ]
  const everything = [
    ...checkRegisters(registersOf(operations, ALL)),
    ...checkListings(membershipsOf(operations, ALL)),
  ]
  const staleAlways = [...promised, ...listings].filter(isStale).length
  const back = [...promised, ...listings].length - [...promised, ...listings].filter(isNoStepBack).length
  return {
    violations,
    allowed: {
      staleAfterUnconfirmed: everything.filter(isStale).length - staleAlways,
      stepsBack: back - untroubled.filter((violation) => !isNoStepBack(violation)).length,
    },
  }
}

function isNoStepBack({ kind }: Violation): boolean {
  return kind !== 'back'
}

function isStale({ kind }: Violation): boolean {
  return kind === 'stale'
}

/** All rejections are `StorageError`s. */
function unexpectedErrors(operations: readonly Operation[]): Violation[] {
  return operations.flatMap(({ collection, name = '', failed }): Violation[] => {
    if (failed?.code !== 'UNEXPECTED') return []
    return [{ kind: 'unwritten', key: `${collection}/${name}`, message: `rejected with ${failed.message}` }]
  })
}

export interface OperationCounts {
  readonly reads: number
  readonly lists: number
  readonly acknowledgedWrites: number
  readonly unconfirmedWrites: number
  readonly unknownOutcomes: number
  /** Rejections by their code. */
  readonly rejected: Readonly<Record<string, number>>
  readonly slowestMs: number
}

export function countOperations(operations: readonly Operation[]): OperationCounts {
  const rejected: Record<string, number> = {}
  for (const { failed } of operations) {
    if (failed !== undefined) rejected[failed.code] = (rejected[failed.code] ?? 0) + 1
  }
  let slowestUs = 0
  for (const { start, ended, failed } of operations) {
    slowestUs = Math.max(slowestUs, (ended ?? failed ?? { end: start }).end - start)
  }
  return {
    reads: operations.filter(({ kind, ended }) => kind === 'read' && ended !== undefined).length,
    lists: operations.filter(({ kind, ended }) => kind === 'list' && ended !== undefined).length,
    acknowledgedWrites: operations.filter(isAcknowledged).length,
    unconfirmedWrites: operations.filter(({ ended }) => ended?.written?.unconfirmed).length,
    unknownOutcomes: operations.filter(isInDoubt).length,
    rejected,
    slowestMs: Math.round(slowestUs / 1_000),
  }
}

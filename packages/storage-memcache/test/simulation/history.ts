/** One operation on one resource, with the turns at which it began and ended. */
export interface Operation {
  readonly process: string
  readonly kind: 'read' | 'write' | 'remove' | 'listed'
  readonly begin: number
  /** Undefined: never acknowledged. */
  end: number | undefined
  /** What was written or read; undefined: nothing is there. For `listed`: `'listed'` or undefined. */
  value: string | undefined
}

/** What the database went through, oldest first: the value after each commit, undefined for a removal. */
export interface Commit {
  readonly value: string | undefined
  readonly version: number
}

export interface Violation {
  readonly kind: 'stale after an acknowledged write' | 'stepped back behind an earlier read' | 'never written'
  readonly read: Operation
  readonly found: number
  readonly atLeast: number
}

/**
 * Checks a register against the order of its commits: a read must not be older than any write acknowledged before
 * it began, nor than what any read that ended before it began had returned.
 */
export function checkRegister(commits: readonly Commit[], operations: readonly Operation[]): Violation[] {
  const states: readonly (string | undefined)[] = [undefined, ...commits.map(({ value }) => value)]
  const violations: Violation[] = []
  const writes = operations.filter(
    ({ kind, end }) => (kind === 'write' || kind === 'remove') && end !== undefined,
  )
  const bounds: { readonly end: number; readonly state: number }[] = []
  const reads = operations
    .filter(({ kind, end }) => kind === 'read' && end !== undefined)
    .sort((a, b) => (a.end ?? 0) - (b.end ?? 0))
  for (const read of reads) {
    const acknowledged = Math.max(
      0,
      ...writes.filter(({ end }) => (end ?? 0) < read.begin).map((w) => stateOf(states, w)),
    )
    const seen = Math.max(0, ...bounds.filter(({ end }) => end < read.begin).map(({ state }) => state))
    const atLeast = Math.max(acknowledged, seen)
    const state = states.findIndex((value, index) => index >= atLeast && value === read.value)
    if (state >= 0) {
      bounds.push({ end: read.end ?? 0, state })
      continue
    }
    const found = states.lastIndexOf(read.value)
    const kind =
      found < 0
        ? 'never written'
        : found < acknowledged
          ? 'stale after an acknowledged write'
          : 'stepped back behind an earlier read'
    violations.push({ kind, read, found, atLeast })
  }
  return violations
}

/** The state that a write led to. Written values are unique; a removal's is the first after its version. */
function stateOf(states: readonly (string | undefined)[], { value }: Operation): number {
  return Math.max(0, states.indexOf(value))
}

import { groupBy } from './group-by.js'
import type { ReadOperation, RegisterOperation, Violation, WriteOperation } from './operations.js'
import { type Change, NOTHING, type Observation, Register } from './register.js'

/**
 * Whether a history of reads and writes is linearizable, key by key: every read shows the last write acknowledged
 * before it began or a later one, and never less than an earlier read. Answers with what is wrong; an empty list
 * means that nothing is.
 *
 * Each key begins with nothing there. Versions must be those of the storage: they tell the order of the writes.
 */
export function checkRegisters(history: readonly RegisterOperation[]): readonly Violation[] {
  const keys = groupBy(history, (operation) => operation.key)
  return [...keys].flatMap(([key, operations]) => checkRegister(key, operations))
}

function checkRegister(key: string, operations: readonly RegisterOperation[]): readonly Violation[] {
  const reads = operations.filter((operation) => operation.kind === 'read')
  const writes = numberByReads(
    operations.filter((operation) => operation.kind === 'write'),
    reads,
  )
  const register = new Register(key, writes.map(changeOf), reads.map(observationOf))
  return [...checkValues(key, writes, reads), ...register.check()]
}

/** A write whose answer was lost has the version under which its value was read. Unread, it says nothing. */
function numberByReads(writes: readonly WriteOperation[], reads: readonly ReadOperation[]): WriteOperation[] {
  const versions = new Map(reads.map((read) => [read.value, read.version]))
  return writes.flatMap((write) => {
    if (write.version !== undefined || write.value === undefined) return [write]
    const version = versions.get(write.value)
    return version === undefined ? [] : [{ ...write, version }]
  })
}

function changeOf({ start, end, value, version }: WriteOperation): Change {
  return { start, end, version, shows: value === undefined ? NOTHING : `version ${version}` }
}

function observationOf({ start, end, value, version }: ReadOperation): Observation {
  if (value === undefined) return { start, end, saw: NOTHING, said: NOTHING }
  return { start, end, saw: `version ${version}`, said: `${JSON.stringify(value)} with version ${version}` }
}

function checkValues(
  key: string,
  writes: readonly WriteOperation[],
  reads: readonly ReadOperation[],
): readonly Violation[] {
  const written = new Map(writes.map(({ version, value }) => [version, value]))
  return reads.flatMap(({ start, end, value, version }): Violation[] => {
    if (value === undefined || !written.has(version) || written.get(version) === value) return []
    const shown = `the read from ${start} to ${end} shows ${JSON.stringify(value)} with version ${version}`
    return [
      { kind: 'torn', key, message: `${key}: ${shown}, which is ${JSON.stringify(written.get(version))}` },
    ]
  })
}

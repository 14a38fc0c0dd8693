import { groupBy } from './group-by.js'
import type { ReadOperation, RegisterOperation, Violation, WriteOperation } from './operations.js'

/**
 * Whether those who saw one of several resources that were written together saw the others from then on. Writes whose
 * version is unknown say nothing.
 */
export function checkTogether(history: readonly RegisterOperation[]): readonly Violation[] {
  const writes = history.filter((operation) => operation.kind === 'write')
  const reads = groupBy(
    history.filter((operation) => operation.kind === 'read'),
    ({ key }) => key,
  )
  const units = groupBy(
    writes.filter(({ unit, version }) => unit !== undefined && version !== undefined),
    ({ unit }) => unit,
  )
  return [...units.values()].flatMap((unit) => {
    // Every read from here on must see all of it.
    const seenAt = Math.min(
      ...unit.map((write) => firstSeen(write, reads.get(write.key) ?? [])).filter(Number.isFinite),
    )
    return unit.flatMap((write) => {
      const removals = writes.filter((other) => removesAfter(other, write))
      return (reads.get(write.key) ?? [])
        .filter((read) => read.start > seenAt && isBefore(read, write, removals))
        .map((read) => split(read, write))
    })
  })
}

/** When the first read that shows the write, or a later one, had ended. */
function firstSeen({ version = Infinity }: WriteOperation, reads: readonly ReadOperation[]): number {
  const ends = reads.filter((read) => (read.version ?? 0) >= version).map(({ end }) => end)
  return Math.min(Infinity, ...ends)
}

function removesAfter(other: WriteOperation, write: WriteOperation): boolean {
  return (
    other.key === write.key &&
    other.value === undefined &&
    (other.version === undefined || other.version > (write.version ?? 0))
  )
}

/** A read that shows nothing may do so by a later removal that had begun by then. */
function isBefore(read: ReadOperation, write: WriteOperation, removals: readonly WriteOperation[]): boolean {
  if (read.version !== undefined) return read.version < (write.version ?? 0)
  return write.value !== undefined && !removals.some(({ start }) => start < read.end)
}

function split({ key, start, end, value }: ReadOperation, { version }: WriteOperation): Violation {
  const shown = value === undefined ? 'nothing' : JSON.stringify(value)
  const told = `the read from ${start} to ${end} shows ${shown}, though what was written together with version`
  return { kind: 'split', key, message: `${key}: ${told} ${version} had been seen before` }
}

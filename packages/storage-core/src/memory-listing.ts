import type { ListRequest, ListRow, ListRows } from './storage-driver.js'
import { StorageError } from './errors.js'
import { compareNames } from './names.js'

/** The page of all rows of a collection that `request` asks for. */
export function pageOfRows(
  rows: readonly ListRow[],
  { order, limit, after }: Pick<ListRequest, 'order' | 'limit' | 'after'>,
): ListRows {
  const compare = comparison(order)
  const sorted = [...rows].sort(compare)
  const start = after === undefined ? 0 : startBehind(sorted, parsePosition(after), compare)
  const page = sorted.slice(start, start + limit)
  const first = page[0]
  const last = start + limit < sorted.length ? page.at(-1) : undefined
  return { rows: page, next: last && positionOf(last), first: first && positionOf(first) }
}

type Position = Pick<ListRow, 'name' | 'version'>

// Versions come from one counter, so they order writes even within a millisecond.
function comparison(order: ListRequest['order']): (a: Position, b: Position) => number {
  if (order === 'name') return (a, b) => compareNames(a.name, b.name)
  return order === 'oldest' ? (a, b) => a.version - b.version : (a, b) => b.version - a.version
}

function startBehind(
  rows: readonly Position[],
  position: Position,
  compare: (a: Position, b: Position) => number,
): number {
  const index = rows.findIndex((row) => compare(row, position) > 0)
  return index === -1 ? rows.length : index
}

function positionOf({ name, version }: Position): string {
  return `${name}\0${version}`
}

function parsePosition(text: string): Position {
  const [, name, version] = /^([^\0]+)\0([1-9][0-9]{0,15})$/.exec(text) ?? []
  if (name === undefined) throw new StorageError('E_BAD_REQUEST', '`after` is no cursor of this storage')
  return { name, version: Number(version) }
}

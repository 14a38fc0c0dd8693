import { groupBy } from './group-by.js'
import type { CollectionOperation, ListingOperation, MembershipOperation, Violation } from './operations.js'
import { NOTHING, Register } from './register.js'

const MEMBER = 'a member'

/**
 * Whether every listing shows the members and only those, name by name: what was added before it began and not
 * removed since, and not what was removed. Of a write that runs at the same time it may show either; but a listing
 * that shows less than an earlier one is a `back`. A storage whose listings only promise to show acknowledged writes
 * may disregard that kind.
 *
 * A listing is no snapshot: names are judged one by one. Each collection begins empty.
 */
export function checkListings(history: readonly CollectionOperation[]): readonly Violation[] {
  const collections = groupBy(history, (operation) => operation.collection)
  return [...collections].flatMap(([collection, operations]) => {
    const listings = operations.filter((operation) => operation.kind === 'list')
    const writes = operations.filter((operation) => operation.kind !== 'list')
    const byName = groupBy(writes, (write) => write.name)
    const names = new Set([...byName.keys(), ...listings.flatMap((listing) => [...listing.names])])
    return [...names].flatMap((name) => checkMember(collection, name, byName.get(name) ?? [], listings))
  })
}

function checkMember(
  collection: string,
  name: string,
  writes: readonly MembershipOperation[],
  listings: readonly ListingOperation[],
): readonly Violation[] {
  const changes = writes.map(({ kind, start, end, version }) => ({
    ...{ start, end, version },
    shows: kind === 'add' ? MEMBER : NOTHING,
  }))
  const observations = listings.map(({ start, end, names }) => {
    const saw = names.has(name) ? MEMBER : NOTHING
    return { start, end, saw, said: saw }
  })
  return new Register(`${collection}/${name}`, changes, observations).check()
}

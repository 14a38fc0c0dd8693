import { describeValue, wrongType } from '@larder/storage-core/base'
import { routeOf, type ClientKey } from './client-keys.js'

/** The members of a batch for which the same thing chooses the server. */
export interface Route<Member> {
  readonly routeBy: string | number | undefined
  readonly members: readonly Member[]
}

export function routesOf<Member>(
  members: readonly Member[],
  keyOf: (member: Member) => ClientKey,
): readonly Route<Member>[] {
  const routes = new Map<string | number | undefined, Member[]>()
  for (const member of members) {
    const routeBy = routeOf(keyOf(member))
    const route = routes.get(routeBy)
    if (route === undefined) routes.set(routeBy, [member])
    else route.push(member)
  }
  return Array.from(routes, ([routeBy, route]) => ({ routeBy, members: route }))
}

/** The keys. Refuses a `Map` and its like, whose pairs would pass for keys that name their server. */
export function keysOf<Key>(keys: Iterable<Key>): readonly Key[] {
  const expected = 'a list, a Set or another iterable of keys'
  if (!isIterable<Key>(keys)) throw wrongType('keys', expected, keys)
  if (keys[Symbol.iterator] === (keys as { entries?: unknown }).entries)
    throw new TypeError(`\`keys\` must be ${expected}, got a Map or another iterable of pairs`)
  return [...keys]
}

/** The entries, of which each has `length` members. Refuses an object, and text, which would be a list of letters. */
export function entriesOf<Entry extends readonly unknown[]>(
  entries: Iterable<Entry>,
  length: 2 | 3,
): readonly Entry[] {
  const what = length === 2 ? '[key, value]' : '[key, value, token]'
  if (!isIterable<Entry>(entries)) throw wrongType('entries', `a Map or an iterable of ${what}`, entries)
  const list = [...entries]
  for (const entry of list as readonly unknown[]) {
    if (Array.isArray(entry) && entry.length === length) continue
    throw new TypeError(`Each of \`entries\` must be ${what}, got ${describeValue(entry)}`)
  }
  return list
}

function isIterable<Member>(value: unknown): value is Iterable<Member> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value
}

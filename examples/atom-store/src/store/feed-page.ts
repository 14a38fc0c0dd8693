import type { CallOptions, ListPage, Storage } from '@larder/storage-core'
import { Problem } from '../problem.js'
import { type Entry, entryOf } from './entry.js'

/** Where a page is: from the newest entry on, from the oldest one back, or next to another page. */
export interface PagePlace {
  /** Behind the last entry of another page. */
  readonly after?: string | undefined
  /** In front of the first entry of another page. */
  readonly before?: string | undefined
  /** The oldest entries. */
  readonly last?: boolean | undefined
}

/** Entries, newest edited first. */
export interface FeedPage {
  readonly entries: readonly Entry[]
  readonly previous: PagePlace | undefined
  readonly next: PagePlace | undefined
}

/**
 * One listing and one batch of entries. The listing goes along an index of the database by time of the last write, so
 * that an edit moves an entry by itself, and every page costs the same. Throws a `Problem` 400 for a place that is none.
 */
export async function readPage(
  storage: Storage,
  collection: string,
  place: PagePlace,
  limit: number,
  options: CallOptions = {},
): Promise<FeedPage> {
  const fromOldest = place.last === true || place.before !== undefined
  const listed = await listFrom(storage, collection, place, fromOldest, limit, options)
  const rows = fromOldest ? listed.entries.toReversed() : listed.entries
  const parts = await storage.getMany(
    rows.map(({ info }) => info),
    { ...options, part: 'metadata' },
  )
  const entries = rows.flatMap(({ name }, index) => {
    const part = parts[index]
    return part === undefined ? [] : [entryOf(name, part)]
  })
  // Whoever was edited between the listing and the batch tells a later time.
  entries.sort((a, b) => b.editedAt.getTime() - a.editedAt.getTime())
  const ahead = listed.next
  const behind = listed.back
  if (!fromOldest) {
    const previous =
      place.after === undefined ? undefined : behind === undefined ? { last: true } : { before: behind }
    return { entries, previous, next: ahead === undefined ? undefined : { after: ahead } }
  }
  return {
    entries,
    previous: ahead === undefined ? undefined : { before: ahead },
    next: place.last === true || behind === undefined ? undefined : { after: behind },
  }
}

async function listFrom(
  storage: Storage,
  collection: string,
  { after, before, last }: PagePlace,
  fromOldest: boolean,
  limit: number,
  options: CallOptions,
): Promise<ListPage> {
  if ([after, before, last || undefined].filter((each) => each !== undefined).length > 1)
    throw new Problem(400, 'A page is after one, before one, or the last')
  try {
    const order = fromOldest ? 'oldest' : 'newest'
    return await storage.page(collection, { ...options, order, limit, after: after ?? before })
  } catch (cause) {
    if (cause instanceof RangeError) throw new Problem(400, 'There is no such page', { cause })
    throw cause
  }
}

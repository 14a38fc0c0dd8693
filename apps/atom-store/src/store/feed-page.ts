import {
  type CallOptions,
  isStorageError,
  type ListOrder,
  type ListPage,
  type Storage,
} from '@larder/storage-core'
import type { EntryRecord } from '../atom/index.js'
import { Problem } from '../problem.js'
import { type Entry, entryOf } from './entry.js'

/** How many times a page is read on where entries are left out of it. */
const MAX_LISTINGS = 10
const MAX_READ_EACH = 1_000

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

export interface FeedOptions extends CallOptions {
  /** How many entries are enough. */
  readonly limit: number
  /** Leaves out the others. */
  readonly isShown: (record: EntryRecord) => boolean
  /**
   * Few are shown: twice as many are read each time, and there may be more than enough at the end. Default: as many are
   * read as are missing.
   */
  readonly isRare?: boolean | undefined
}

/**
 * One listing and one batch of entries. The listing goes along an index of the database by time of the last write, so
 * that an edit moves an entry by itself, and every page costs the same. Where entries are left out it is read on, up to
 * `MAX_LISTINGS` times; a page that is short all the same leads on to the next. Throws a `Problem` 400 for a place that
 * is none.
 */
export async function readPage(
  storage: Storage,
  collection: string,
  place: PagePlace,
  { limit, isShown, isRare = false, ...options }: FeedOptions,
): Promise<FeedPage> {
  const { after, before, last } = place
  if ([after, before, last || undefined].filter((each) => each !== undefined).length > 1)
    throw new Problem(400, 'A page is after one, before one, or the last')
  const order = last === true || before !== undefined ? 'oldest' : 'newest'
  const shown: Entry[] = []
  let back: string | undefined
  let ahead = after ?? before
  for (let listings = 0; listings < MAX_LISTINGS; listings++) {
    const count = isRare ? Math.min(limit * 2 ** listings, MAX_READ_EACH) : limit - shown.length
    const listed = await list(storage, collection, order, count, ahead, options)
    shown.push(...(await entriesOf(storage, listed, options)).filter(({ record }) => isShown(record)))
    if (listings === 0) back = listed.back
    ahead = listed.next
    if (ahead === undefined || shown.length >= limit) break
  }
  if (order === 'oldest') shown.reverse()
  // Whoever was edited between the listing and the batch tells a later time.
  shown.sort((a, b) => b.modifiedAt.getTime() - a.modifiedAt.getTime())
  const onwards = ahead === undefined ? undefined : order === 'oldest' ? { before: ahead } : { after: ahead }
  if (order === 'newest') {
    const previous = back === undefined ? { last: true } : { before: back }
    return { entries: shown, previous: after === undefined ? undefined : previous, next: onwards }
  }
  const next = last === true || back === undefined ? undefined : { after: back }
  return { entries: shown, previous: onwards, next }
}

async function list(
  storage: Storage,
  collection: string,
  order: ListOrder,
  limit: number,
  after: string | undefined,
  options: CallOptions,
): Promise<ListPage> {
  try {
    return await storage.page(collection, { ...options, order, limit, after })
  } catch (cause) {
    if (isStorageError(cause, 'E_BAD_REQUEST')) throw new Problem(400, 'There is no such page', { cause })
    throw cause
  }
}

async function entriesOf(storage: Storage, { entries }: ListPage, options: CallOptions): Promise<Entry[]> {
  const infos = entries.map(({ info }) => info)
  const parts = await storage.getMany(infos, { ...options, part: 'metadata' })
  return entries.flatMap(({ name }, index) => {
    const part = parts[index]
    return part === undefined ? [] : [entryOf(name, part)]
  })
}

import { Address } from './address.js'
import type { CallGate, Told } from './call-gate.js'
import { decodeCursor, encodeCursor } from './cursor.js'
import type { DriverCall, ListRows, StorageDriver } from './driver.js'
import { checkCollectionName, normalizeExt } from './names.js'
import { checkOptionNames, type NamesOf } from './options/option-names.js'
import type { CallOptions, ListOptions, ListOrder, ListPage, PageOptions } from './storage.js'

const ORDERS = ['name', 'oldest', 'newest'] as const
const OPPOSITE = Object.freeze({ name: undefined, oldest: 'newest', newest: 'oldest' } as const)
const LIST_NAMES: NamesOf<ListOptions> = Object.freeze({ ext: true, signal: true })
const PAGE_NAMES: NamesOf<PageOptions> = Object.freeze({
  ...LIST_NAMES,
  order: true,
  limit: true,
  after: true,
})
const DEFAULT_PAGE = 100
const MAX_PAGE = 10_000
/** How many names are asked for at once to list all. */
const BATCH = 1_000

export interface ListingCall {
  readonly collection: string
  readonly ext: string | undefined
  readonly options: CallOptions
}

type Listing = Pick<ListingCall, 'collection' | 'ext'>

/** What `ls` and `ils` are given. Throws `TypeError` and `RangeError`. */
export function listingCall(collection: string, ext: string | ListOptions | undefined): ListingCall {
  checkCollectionName(collection)
  const options = typeof ext === 'string' ? { ext } : (ext ?? {})
  if (typeof options !== 'object') throw new TypeError('ext must be a string')
  checkOptionNames('ls', options, LIST_NAMES)
  return { collection, ext: normalizeExt(options.ext), options }
}

export interface PageCall {
  readonly listing: Listing & { readonly order: ListOrder }
  readonly limit: number
  /** As the driver knows it. */
  readonly after: string | undefined
}

/** What `page` is given. Throws `TypeError` and `RangeError`. */
export function pageCall(collection: string, options: PageOptions): PageCall {
  checkCollectionName(collection)
  checkOptionNames('page', options, PAGE_NAMES)
  const { order = 'name', limit = DEFAULT_PAGE } = options
  if (!ORDERS.includes(order)) throw new TypeError(`order must be one of ${ORDERS.join(', ')}`)
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE) {
    throw new RangeError(`limit must be a whole number from 1 to ${MAX_PAGE}`)
  }
  const listing = { collection, order, ext: normalizeExt(options.ext) }
  return {
    listing,
    limit,
    after: options.after === undefined ? undefined : decodeCursor(listing, options.after),
  }
}

/** What the caller gets of what the driver has listed. */
export function pageOf(
  driver: StorageDriver,
  listing: PageCall['listing'],
  { rows, next, first }: ListRows,
): ListPage {
  const opposite = OPPOSITE[listing.order]
  const turnsBack = first !== undefined && opposite !== undefined
  return {
    entries: rows.map((row) => ({ ...row, info: new Address(driver, listing.collection, row.name) })),
    next: next === undefined ? undefined : encodeCursor(listing, next),
    back: turnsBack ? encodeCursor({ ...listing, order: opposite }, first) : undefined,
  }
}

/** All names, as the driver lists them; with `told`, who watches is told of each batch. */
export async function* nameBatches(
  driver: StorageDriver,
  gate: CallGate,
  { collection, ext, options }: ListingCall,
  told?: Told,
): AsyncGenerator<readonly string[], void, undefined> {
  const listing = { collection, ext }
  const batches = await gate.run(options, async (call) =>
    (driver.listAll?.(listing, call) ?? byPages(driver, listing, call))[Symbol.asyncIterator](),
  )
  try {
    for (;;) {
      // Each batch is a call of its own: a loop body that pauses does not hold up a shutdown.
      const batch = await gate.run(options, () => batches.next(), told)
      if (batch.done === true) return
      yield batch.value
    }
  } finally {
    await batches.return?.()
  }
}

async function* byPages(
  driver: StorageDriver,
  listing: Listing,
  call: DriverCall,
): AsyncGenerator<readonly string[], void, undefined> {
  let after: string | undefined
  do {
    const page = await driver.list({ ...listing, order: 'name', limit: BATCH, after }, call)
    yield page.rows.map((row) => row.name)
    after = page.next
  } while (after !== undefined)
}

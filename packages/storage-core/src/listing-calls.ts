import { Address } from './address.js'
import type { CallGate, CallInfo } from './call-gate.js'
import {
  type CallOptions,
  LIST_OPTIONS,
  type ListOptions,
  type ListOrder,
  PAGE_OPTIONS,
  type PageOptions,
} from './call-options.js'
import { decodeCursor, encodeCursor } from './cursor.js'
import type { DriverCall, ListRows, StorageDriver } from './storage-driver.js'
import { checkCollectionName, normalizeExt } from './names.js'
import { checkOptions, resolveOptions, wrongType } from './options/index.js'
import type { ListPage } from './storage.js'

const OPPOSITE = Object.freeze({ name: undefined, oldest: 'newest', newest: 'oldest' } as const)
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
  if (typeof options !== 'object') throw wrongType('ext', 'text or an object of options', options)
  checkOptions('ls', LIST_OPTIONS, options)
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
  const { order, limit, after, ext } = resolveOptions('page', PAGE_OPTIONS, options)
  const listing = { collection, order, ext: normalizeExt(ext) }
  return { listing, limit, after: after === undefined ? undefined : decodeCursor(listing, after) }
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

/** All names, as the driver lists them. `described` publishes each batch to subscribers. */
export async function* nameBatches(
  driver: StorageDriver,
  gate: CallGate,
  { collection, ext, options }: ListingCall,
  described?: CallInfo,
): AsyncGenerator<readonly string[], void, undefined> {
  const listing = { collection, ext }
  const batches = await gate.run(options, async (call) =>
    (driver.listAll?.(listing, call) ?? byPages(driver, listing, call))[Symbol.asyncIterator](),
  )
  try {
    for (;;) {
      // Each batch is a call of its own: a loop body that pauses does not hold up a shutdown.
      const batch = await gate.run(options, () => batches.next(), described)
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

import { createHash } from 'node:crypto'
import type { ListRequest } from './storage-driver.js'
import { StorageError } from './errors.js'

type Listing = Pick<ListRequest, 'collection' | 'order' | 'ext'>

/** Binds a driver's position to the listing it came from, as text that is safe in a URL. */
export function encodeCursor(listing: Listing, position: string): string {
  return Buffer.from(JSON.stringify([fingerprint(listing), position])).toString('base64url')
}

/** Throws a `StorageError` `E_BAD_REQUEST` for what is no cursor of this listing: clients hand cursors through. */
export function decodeCursor(listing: Listing, cursor: unknown): string {
  if (typeof cursor !== 'string') throw new TypeError('after must be the next of a page')
  const parsed = parse(cursor)
  if (!Array.isArray(parsed) || typeof parsed[1] !== 'string')
    throw new StorageError('E_BAD_REQUEST', '`after` is no cursor of a page')
  if (parsed[0] !== fingerprint(listing)) {
    const message = '`after` is a cursor of another listing: collection, order and ext must stay the same'
    throw new StorageError('E_BAD_REQUEST', message)
  }
  return parsed[1]
}

function parse(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString())
  } catch {
    return undefined
  }
}

function fingerprint({ collection, order, ext }: Listing): string {
  return createHash('sha256')
    .update(JSON.stringify([collection, order, ext]))
    .digest('base64url')
    .slice(0, 12)
}

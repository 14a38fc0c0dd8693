import { Problem } from '../problem.js'
import type { Version } from '../store/index.js'
import { lastModified } from './conditional.js'

/** The first byte and the last one, from the beginning or from the end. */
const ONE_RANGE = /^bytes\s*=\s*(?:(\d+)-(\d*)|-(\d+))$/i

/** Bytes of a body, both ends included. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/**
 * What a GET asks for of a body of `size` bytes; undefined for all of it, also where it asks for several pieces, or for
 * a piece of a version that is no longer stored. Throws a `Problem` 416 for what lies behind the end.
 */
export function rangeOf(
  { method, headers }: Request,
  size: number,
  version: Required<Version>,
): ByteRange | undefined {
  const match = ONE_RANGE.exec(headers.get('range')?.trim() ?? '')
  if (match === null || method !== 'GET' || size === 0) return undefined
  if (!isOf(headers.get('if-range'), version)) return undefined
  const [, first = '', last = '', fromEnd = ''] = match
  if (last !== '' && Number(last) < Number(first)) return undefined
  const start = first === '' ? Math.max(0, size - Number(fromEnd)) : Number(first)
  if (start >= size)
    throw new Problem(416, `There are ${size} bytes`, { headers: { 'Content-Range': `bytes */${size}` } })
  return { start, end: last === '' ? size - 1 : Math.min(Number(last), size - 1) }
}

/** The bytes of a range, and nothing behind it is read. */
export async function* bytesIn(
  stream: AsyncIterable<Uint8Array>,
  { start, end }: ByteRange,
): AsyncGenerator<Uint8Array, void, undefined> {
  let at = 0
  for await (const chunk of stream) {
    const piece = chunk.subarray(Math.max(0, start - at), Math.max(0, end + 1 - at))
    if (piece.length > 0) yield piece
    at += chunk.length
    if (at > end) return
  }
}

/** `If-Range`: a tag, or the time as it was told. */
function isOf(ifRange: string | null, { etag, modifiedAt }: Required<Version>): boolean {
  if (ifRange === null || ifRange === etag) return true
  return modifiedAt !== undefined && lastModified(modifiedAt)['Last-Modified'] === ifRange
}

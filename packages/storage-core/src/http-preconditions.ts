import { parseEntityTags } from './entity-tags.js'
import { PART_NAMES, type PartName } from './resource.js'
import type { PartPreconditions } from './storage.js'

/** Headers of a request: those of `fetch`, those of `node:http`, or an object in which names may have any case. */
export type RequestHeaders =
  { get(name: string): string | null } | Readonly<Record<string, string | readonly string[] | undefined>>

/** Preconditions of a write of one part, or of a removal of one. */
export interface HeaderPreconditions {
  readonly ifMatch?: '*' | readonly string[] | undefined
  readonly ifNoneMatch?: '*' | readonly string[] | undefined
}

/**
 * The preconditions that the headers `If-Match` and `If-None-Match` ask for, as RFC 9110 reads them: lists, `*`, several
 * lines, weak tags (which match nothing in `If-Match`). Empty where there are none. With `part` they are about that
 * part, for a write of both. Throws a `StorageError` `E_BAD_REQUEST`, to be answered 400, for headers that are malformed.
 */
export function parsePreconditions(headers: RequestHeaders): HeaderPreconditions
export function parsePreconditions(headers: RequestHeaders, part: PartName): PartPreconditions
export function parsePreconditions(
  headers: RequestHeaders,
  part?: PartName,
): HeaderPreconditions | PartPreconditions {
  if (typeof headers !== 'object' || headers === null)
    throw new TypeError('parsePreconditions takes the headers of a request')
  if (part !== undefined && !PART_NAMES.includes(part))
    throw new TypeError(`There is no part named ${JSON.stringify(part)}`)
  const asked = askedOf(headers)
  if (part === undefined) return asked
  const { ifMatch, ifNoneMatch } = asked
  return {
    ...(ifMatch !== undefined && { ifMatch: { [part]: ifMatch } }),
    ...(ifNoneMatch !== undefined && { ifNoneMatch: { [part]: ifNoneMatch } }),
  }
}

function askedOf(headers: RequestHeaders): HeaderPreconditions {
  const match = tagsOf(headers, 'If-Match')
  const noneMatch = tagsOf(headers, 'If-None-Match')
  const ifMatch =
    typeof match === 'object' ? match.flatMap(({ etag, isWeak }) => (isWeak ? [] : [etag])) : match
  const ifNoneMatch = typeof noneMatch === 'object' ? noneMatch.map(({ etag }) => etag) : noneMatch
  // What has one of these tags exists: no state of the part would do.
  if (ifMatch !== undefined && ifNoneMatch === '*') return { ifMatch: [] }
  return {
    ...(ifMatch !== undefined && { ifMatch }),
    ...(ifNoneMatch !== undefined && ifNoneMatch.length > 0 && { ifNoneMatch }),
  }
}

function tagsOf(headers: RequestHeaders, name: string): ReturnType<typeof parseEntityTags> | undefined {
  const lines = linesOf(headers, name.toLowerCase())
  return lines.length === 0 ? undefined : parseEntityTags(lines.join(','), name)
}

/** Several lines of a header mean what one line of all with commas means. */
function linesOf(headers: RequestHeaders, name: string): readonly string[] {
  if (isFetchHeaders(headers)) {
    const line = headers.get(name)
    return line === null ? [] : [line]
  }
  return Object.entries(headers).flatMap(([each, lines]) =>
    each.toLowerCase() === name ? (lines ?? []) : [],
  )
}

function isFetchHeaders(headers: RequestHeaders): headers is { get(name: string): string | null } {
  return typeof headers.get === 'function'
}

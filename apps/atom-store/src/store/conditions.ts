import { Problem } from '../problem.js'

/** Entity tags, or `'*'` for whatever is stored. */
export type Tags = readonly string[] | '*'

/** What a client asks of the version that is stored. */
export interface Conditions {
  readonly ifMatch?: Tags | undefined
  /** Counts where there is no `ifMatch`. */
  readonly ifUnmodifiedSince?: Date | undefined
  readonly ifNoneMatch?: Tags | undefined
}

export interface Version {
  readonly etag: string
  /** Undefined for what has no time of its own. */
  readonly modifiedAt?: Date | undefined
}

/** RFC 9110, section 13.2.2. Throws a `Problem` 412 where a condition does not hold for this version. */
export function checkConditions(
  { ifMatch, ifUnmodifiedSince, ifNoneMatch }: Conditions,
  { etag, modifiedAt }: Version,
): void {
  const isMeant =
    ifMatch === undefined
      ? ifUnmodifiedSince === undefined || !isModifiedSince(ifUnmodifiedSince, modifiedAt)
      : holds(ifMatch, etag)
  if (!isMeant) throw new Problem(412, 'It has been changed since: read it again')
  if (ifNoneMatch !== undefined && holds(ifNoneMatch, etag))
    throw new Problem(412, 'It is there already, in the version that If-None-Match names')
}

function holds(tags: Tags, etag: string): boolean {
  return tags === '*' || tags.includes(etag)
}

/** By the seconds that a header can tell. */
export function isModifiedSince(date: Date, modifiedAt: Date | undefined): boolean {
  return modifiedAt !== undefined && Math.floor(modifiedAt.getTime() / 1_000) * 1_000 > date.getTime()
}

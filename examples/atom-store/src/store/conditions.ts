import { Problem } from '../problem.js'

/** The tags of an `If-Match`, or `'*'`; undefined where the client gives no condition. */
export type IfMatch = readonly string[] | '*' | undefined

/** Throws a `Problem` 412 where the condition does not hold for this tag. */
export function checkMatch(condition: IfMatch, etag: string): void {
  if (condition === undefined || condition === '*' || condition.includes(etag)) return
  throw new Problem(412, 'It has been changed since: read it again')
}

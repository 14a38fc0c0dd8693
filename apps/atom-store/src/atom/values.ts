import { rule } from './rules.js'

const DATE = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/
const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:\s*;\s*[\w!#$&^.+-]+=(?:"[^"]*"|[\w!#$&^.+-]+))*$/
/** What an IRI never holds: white space, controls and the characters that only delimit one. RFC 3987. */
const NOT_IRI = /[\s\p{Cc}<>"{}|\\^`]/u
const ABSOLUTE = /^[a-z][a-z0-9+.-]*:./i

/** RFC 3339, on a day of the calendar. A leap second is accepted where one can be: at 23:59:60 UTC. */
export function isDate(text: string): boolean {
  const match = DATE.exec(text)
  if (match === null) return false
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number)
  const days = new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate()
  if (month < 1 || month > 12 || day < 1 || day > days || hour > 23 || minute > 59) return false
  if (second < 60) return true
  const before = new Date(text.replace(/:60/, ':59'))
  return second === 60 && before.getUTCHours() === 23 && before.getUTCMinutes() === 59
}

export function isMediaType(text: string): boolean {
  return MEDIA_TYPE.test(text)
}

export function checkIri(text: string | undefined, what: string, section: string): void {
  if (text === undefined) return
  rule(
    !NOT_IRI.test(text) && !/%(?![0-9a-f]{2})/i.test(text),
    `${what} is not an IRI: ${text.slice(0, 80)}`,
    section,
  )
}

export function checkAbsoluteIri(text: string, what: string, section: string): void {
  checkIri(text, what, section)
  rule(ABSOLUTE.test(text), `${what} must be an absolute IRI: ${text.slice(0, 80)}`, section)
}

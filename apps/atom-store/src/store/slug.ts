import { randomBytes } from 'node:crypto'

const MAX_CHARACTERS = 80

/**
 * Of a `Slug` header, which is percent-encoded UTF-8, and with many clients UTF-8 as it is, of which a header has one
 * character a byte. Undefined where nothing of it can be used.
 */
export function decodeSlug(header: string | undefined): string | undefined {
  if (header === undefined) return undefined
  const text = tried(
    () => new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(header, 'latin1')),
    header,
  )
  return tried(() => decodeURIComponent(text), text).trim() || undefined
}

/** What cannot be decoded is taken as it is. */
function tried(decode: () => string, otherwise: string): string {
  try {
    return decode()
  } catch {
    return otherwise
  }
}

/** Letters and digits of any script, with single hyphens and dots between them: no part of a path. */
export function nameOf(text: string): string {
  const words = text
    .normalize('NFC')
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}.]+/gu, '-')
  const tidy = words.replace(/[-.]{2,}/g, '-')
  return Array.from(tidy)
    .slice(0, MAX_CHARACTERS)
    .join('')
    .replace(/^[-.]+|[-.]+$/g, '')
}

/** Names to try one after the other; the last ones are surely free. */
export function* candidates(wanted: string): Generator<string, void, undefined> {
  const name = nameOf(wanted)
  if (name !== '') {
    yield name
    for (let number = 2; number <= 9; number++) yield `${name}-${number}`
  }
  for (let attempt = 0; attempt < 5; attempt++) yield name === '' ? chance() : `${name}-${chance()}`
}

/** A name that nobody else has. */
export function uniqueName(wanted: string): string {
  const name = nameOf(wanted)
  return name === '' ? chance() : `${name}-${chance()}`
}

export function isName(name: string): boolean {
  return (
    name !== '' &&
    name.length <= 2 * MAX_CHARACTERS &&
    /^[\p{L}\p{M}\p{N}.-]+$/u.test(name) &&
    !/^\.|\.\./.test(name)
  )
}

function chance(): string {
  return randomBytes(8).toString('hex')
}

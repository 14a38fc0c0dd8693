import { StorageError } from './errors.js'

/** An entity tag as a client gives it. */
export interface EntityTag {
  /** With its quotes, without `W/`. */
  readonly etag: string
  readonly isWeak: boolean
}

/** One element of a list, and the comma behind it. */
const ELEMENT = /[ \t]*(?:(W\/)?("[\x21\x23-\x7e\x80-\xff]*")[ \t]*)?(,|$)/y

/**
 * The entity tags of an `If-Match` or `If-None-Match` header, or `'*'`. Throws a `StorageError` `E_BAD_REQUEST` for text
 * that is neither. Empty elements are skipped, as RFC 9110 asks; `name` is what the error calls the text.
 */
export function parseEntityTags(text: string, name = 'The text'): '*' | readonly EntityTag[] {
  if (text.trim() === '*') return '*'
  const tags: EntityTag[] = []
  let at = 0
  for (let isOpen = true; isOpen;) {
    ELEMENT.lastIndex = at
    const match = ELEMENT.exec(text)
    if (match === null) throw malformed(name, text)
    const [element, weak, etag, separator] = match
    if (etag !== undefined) tags.push({ etag, isWeak: weak !== undefined })
    at += element.length
    isOpen = separator === ','
  }
  return tags
}

function malformed(name: string, text: string): StorageError {
  const start = text.length > 100 ? `${text.slice(0, 100)}...` : text
  const told = `${name} must be entity tags with their quotes, such as '"3"' or '"3", "9"', got '${start.replace(/\p{C}/gu, '?')}'`
  return new StorageError('E_BAD_REQUEST', told)
}

import { Problem } from '../problem.js'

const ENCODINGS: ReadonlyMap<string, string> = new Map([
  ['utf-8', 'utf-8'],
  ['utf8', 'utf-8'],
  ['us-ascii', 'utf-8'],
  ['ascii', 'utf-8'],
  ['utf-16', 'utf-16'],
  ['utf16', 'utf-16'],
  ['utf-16le', 'utf-16le'],
  ['utf-16be', 'utf-16be'],
])

/**
 * The text of an XML document. RFC 7303, section 3: a byte order mark counts more than the `charset` of the media type,
 * which counts more than what the document says. Throws a `Problem` 400 for bytes that are not in the encoding, and 415
 * for an encoding that is neither UTF-8 nor UTF-16.
 */
export function decodeXml(bytes: Uint8Array, charset?: string): string {
  const encoding = markOf(bytes) ?? named(bytes, charset) ?? declared(bytes)
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new Problem(400, `The bytes are not valid ${encoding}`, { cause })
  }
}

function markOf([first, second, third, fourth]: Uint8Array): string | undefined {
  if (first === 0xff && second === 0xfe) {
    if (third === 0 && fourth === 0) throw unknown('UTF-32')
    return 'utf-16le'
  }
  if (first === 0xfe && second === 0xff) return 'utf-16be'
  return first === 0xef && second === 0xbb && third === 0xbf ? 'utf-8' : undefined
}

/** Where the media type says UTF-16 and there is no mark, the first character tells the order of the bytes. */
function named(bytes: Uint8Array, charset: string | undefined): string | undefined {
  if (charset === undefined) return undefined
  const encoding = encodingOf(charset)
  return encoding === 'utf-16' ? (shapeOf(bytes) ?? 'utf-16be') : encoding
}

/** UTF-16 without a mark: a document begins with `<`. XML 1.0, appendix F. */
function shapeOf([first, second]: Uint8Array): string | undefined {
  if (first === 0x3c && second === 0) return 'utf-16le'
  return first === 0 && second === 0x3c ? 'utf-16be' : undefined
}

/** The encoding that an XML declaration names. One in UTF-16 is recognized by its first characters, `<?`. */
function declared(bytes: Uint8Array): string {
  const [, second, third, fourth] = bytes
  const isWide = (second === 0 && third === 0x3f && fourth === 0) || (third === 0 && fourth === 0x3f)
  const shape = isWide ? shapeOf(bytes) : undefined
  const start = new TextDecoder(shape ?? 'latin1').decode(bytes.subarray(0, 400))
  const name = /^<\?xml[^>]*\sencoding\s*=\s*["']([^"']+)["']/.exec(start)?.[1] ?? 'utf-8'
  const encoding = encodingOf(name)
  const isTrue = shape === undefined ? encoding === 'utf-8' : [shape, 'utf-16'].includes(encoding)
  if (!isTrue) throw new Problem(400, `The document says ${name}, but its bytes do not`)
  return shape ?? encoding
}

function encodingOf(name: string): string {
  const encoding = ENCODINGS.get(name.toLowerCase())
  if (encoding === undefined) throw unknown(name)
  return encoding
}

function unknown(name: string): Problem {
  return new Problem(415, `The encoding ${name} is not supported: use UTF-8 or UTF-16`)
}

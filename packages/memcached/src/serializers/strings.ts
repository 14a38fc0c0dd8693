import { readText, type SerializedValue, textBytes } from '../client/index.js'

/** What a string of the other program is here: it has one kind for text and bytes. */
export interface StringOptions {
  /** `'text'`: UTF-8, and other bytes are `E_CORRUPT`. `'bytes'`: a `Buffer`. Default: `'text'`. */
  readonly strings?: 'text' | 'bytes'
}

/** Reads strings as the options say; throws `RangeError` for an option that does not exist. */
export function stringReader({ strings = 'text' }: StringOptions): (bytes: Buffer) => string | Buffer {
  if (strings === 'bytes') return (bytes) => bytes
  if (strings === 'text') return readText
  throw new RangeError(`\`strings\` must be 'text' or 'bytes', got ${JSON.stringify(strings)}`)
}

/** Text or bytes under `flags`; undefined for any other value. */
export function serializeString(value: unknown, flags = 0): SerializedValue | undefined {
  if (typeof value === 'string') return { bytes: textBytes(value), flags }
  return value instanceof Uint8Array ? { bytes: value, flags } : undefined
}

/** A `TypeError` for a value that the other program has no form for. */
export function unsupported(value: unknown, program: string, supported: string): TypeError {
  const type = value === null ? 'null' : typeof value
  return new TypeError(`${program} reads ${supported}, not a value of type ${type}`)
}

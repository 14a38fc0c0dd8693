import type { OutBuffer } from '../out-buffer.js'
import { writeText } from '../write-text.js'

const LINE_END = '\r\n'
const ZERO = 0x30
const TWO_TO_32 = 2 ** 32
const MAX_UINT32_DIGITS = 10

/** A key's text, and its length in bytes of UTF-8. */
interface EncodedKey {
  readonly text: string
  readonly bytes: number
}

/**
 * One meta command: `verb key[ size] flags Oopaque`, and the value behind it where there is one. `flags` begins
 * with a space where it is not empty, and holds nothing that came from a user but numbers.
 */
export function encodeMeta(
  out: OutBuffer,
  verb: string,
  key: string,
  keyBytes: number,
  flags: string,
  opaque: number,
  value: Uint8Array | undefined,
): void {
  const most = verb.length + keyBytes + flags.length + 2 * MAX_UINT32_DIGITS + 8
  let at = out.reserve(most)
  const bytes = out.bytes
  at = writeText(bytes, verb, verb.length, at)
  bytes[at++] = 0x20
  at = writeText(bytes, key, keyBytes, at)
  if (value !== undefined) {
    bytes[at++] = 0x20
    at = writeNumber(bytes, value.byteLength, at)
  }
  at = writeText(bytes, flags, flags.length, at)
  bytes[at++] = 0x20
  bytes[at++] = 0x4f // O
  at = writeNumber(bytes, opaque, at)
  bytes[at++] = 0x0d
  bytes[at++] = 0x0a
  out.trim(at)
  if (value !== undefined) {
    out.append(value)
    // To reserve may be to go over to other memory.
    const end = out.reserve(LINE_END.length)
    writeText(out.bytes, LINE_END, 2, end)
  }
  out.end()
}

/** A classic command about one key, `verb key`, behind which `extendKeys` puts others. */
export function encodeKey(out: OutBuffer, verb: string, key: EncodedKey): void {
  const at = out.reserve(verb.length)
  writeText(out.bytes, verb, verb.length, at)
  putKey(out, key)
}

/** Continues the line that was written last. */
export function extendKeys(out: OutBuffer, key: EncodedKey): void {
  out.takeBack(LINE_END.length)
  putKey(out, key)
}

function putKey(out: OutBuffer, { text, bytes: length }: EncodedKey): void {
  let at = out.reserve(1 + length + LINE_END.length)
  const { bytes } = out
  bytes[at++] = 0x20
  at = writeText(bytes, text, length, at)
  bytes[at++] = 0x0d
  bytes[at] = 0x0a
  out.end()
}

/** A line of ASCII, unchanged, for the classic commands. */
export function encodeLine(out: OutBuffer, line: string): void {
  const at = out.reserve(line.length + LINE_END.length)
  writeText(out.bytes, LINE_END, 2, writeText(out.bytes, line, line.length, at))
  out.end()
}

/** A CAS of two halves as the decimal that the protocol wants. */
export function casText(high: number, low: number): string {
  if (high < 0x20_0000) return String(high * TWO_TO_32 + low)
  return String((BigInt(high) << 32n) | BigInt(low))
}

function writeNumber(bytes: Buffer, number: number, at: number): number {
  let end = at + 1
  for (let rest = number; rest >= 10; rest = Math.floor(rest / 10)) end++
  let rest = number
  for (let i = end - 1; i >= at; i--) {
    const shorter = Math.floor(rest / 10)
    bytes[i] = ZERO + rest - 10 * shorter
    rest = shorter
  }
  return end
}

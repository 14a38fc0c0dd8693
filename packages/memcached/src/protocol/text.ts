import type { OutBuffer } from './out-buffer.js'
import { writeText } from './write-text.js'

const LINE_END = '\r\n'

/**
 * One classic command about one key: `verb key rest`, and the value behind it where there is one. `rest` begins with a
 * space where it is not empty, and holds nothing that came from a user but numbers.
 */
export function encodeText(
  out: OutBuffer,
  verb: string,
  key: { readonly text: string; readonly bytes: number },
  rest: string,
  value?: Uint8Array,
): void {
  let at = out.reserve(verb.length + 1 + key.bytes + rest.length + LINE_END.length)
  at = writeText(out.bytes, verb, verb.length, at)
  at = writeText(out.bytes, ' ', 1, at)
  at = writeText(out.bytes, key.text, key.bytes, at)
  at = writeText(out.bytes, rest, rest.length, at)
  writeText(out.bytes, LINE_END, LINE_END.length, at)
  if (value !== undefined) {
    out.append(value)
    // To reserve may be to go over to other memory.
    const end = out.reserve(LINE_END.length)
    writeText(out.bytes, LINE_END, LINE_END.length, end)
  }
  out.end()
}

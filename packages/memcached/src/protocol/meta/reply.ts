import { ownValue } from '../chunk-cutter.js'

const CR = 0x0d
const LF = 0x0a
const SPACE = 0x20
const ZERO = 0x30
const LETTER_F = 0x66
const LETTER_C = 0x63
const LETTER_O = 0x4f
const LETTER_D = 0x44
/** Longer than any line that memcached sends: more bytes without a line end are no reply. */
const MAX_LINE_BYTES = 4096
/** memcached's own limit for `-I` is 1 GiB. */
const MAX_VALUE_BYTES = 1024 * 1024 * 1024
/** So many digits are exact in a double. */
const SAFE_DIGITS = 15
const TWO_TO_32 = 2 ** 32

/** The first two letters of a line as one number, by which the replies are told apart. */
function codeOf(letters: string): number {
  return (letters.charCodeAt(0) << 8) | letters.charCodeAt(1)
}

/** Replies of the meta commands (protocol.txt, "Meta Commands"). */
export const MetaCode = Object.freeze({
  value: codeOf('VA'),
  done: codeOf('HD'),
  miss: codeOf('EN'),
  notStored: codeOf('NS'),
  exists: codeOf('EX'),
  notFound: codeOf('NF'),
})

/** The two lines that answer the classic `gets`: one that begins with `VALUE`, and `END`. */
export const ClassicCode = Object.freeze({ value: 1, end: 2 })

/**
 * One reply: a line, and a value behind it where the line begins with `VA`. The receiver fills the same object
 * again and again: read what you need before you return.
 */
export class MetaReply {
  code = 0
  /** Where the line names them; 0 otherwise. */
  flags = 0
  casHigh = 0
  casLow = 0
  /** -1: the line repeats none. */
  opaque = -1
  #bytes: Buffer = Buffer.alloc(0)
  #isOwn = false
  #start = 0
  #lineEnd = 0
  #valueBytes = -1
  #end = 0
  #keyStart = 0
  #keyEnd = 0

  /** See `Measure`: reads the line, and so learns how much belongs to the reply. */
  measure(bytes: Buffer, offset: number, end: number): number {
    const lineEnd = bytes.indexOf(LF, offset)
    // Behind `end` may lie anything: the buffer is larger than what has come.
    if (lineEnd < 0 || lineEnd >= end) {
      if (end - offset > MAX_LINE_BYTES) throw new Error('The server sent a line without an end')
      return end - offset + 1
    }
    if (bytes[lineEnd - 1] !== CR || lineEnd - offset < 2) throw new Error('The server sent what is no reply')
    this.#readLine(bytes, offset, lineEnd - 1)
    const lineBytes = lineEnd + 1 - offset
    return this.#valueBytes < 0 ? lineBytes : lineBytes + this.#valueBytes + 2
  }

  /** See `Take`; for the bytes that were measured last. */
  take(bytes: Buffer, offset: number, length: number, isOwn: boolean): void {
    this.#bytes = bytes
    this.#isOwn = isOwn
    this.#start = offset
    this.#end = offset + length - 2
    if (bytes[this.#end] !== CR || bytes[this.#end + 1] !== LF) {
      throw new Error('The server sent a value that does not end where it said')
    }
  }

  /** A copy that the caller owns. */
  value(): Buffer {
    return ownValue(this.#bytes, this.#end - Math.max(this.#valueBytes, 0), this.#end, this.#isOwn)
  }

  /** Whether it is `key`, whose length in UTF-8 is `keyBytes`, that a `VALUE` line belongs to. */
  isAbout(key: string, keyBytes: number): boolean {
    if (this.#keyEnd - this.#keyStart !== keyBytes) return false
    if (keyBytes !== key.length) return this.#bytes.toString('utf8', this.#keyStart, this.#keyEnd) === key
    for (let i = 0; i < keyBytes; i++) if (this.#bytes[this.#keyStart + i] !== key.charCodeAt(i)) return false
    return true
  }

  /** The whole line, without its end. */
  line(): string {
    return this.#bytes.toString('utf8', this.#start, this.#lineEnd)
  }

  #readLine(bytes: Buffer, start: number, lineEnd: number): void {
    this.code = ((bytes[start] ?? 0) << 8) | (bytes[start + 1] ?? 0)
    this.flags = this.casHigh = this.casLow = 0
    this.opaque = this.#valueBytes = -1
    this.#lineEnd = lineEnd
    if (lineEnd === start + 2) return
    // A longer word is an error, or the answer to a classic command: `END` is no `EN`.
    if (bytes[start + 2] !== SPACE) {
      const isValue = this.code === MetaCode.value && bytes[start + 5] === SPACE
      const isEnd = this.code === MetaCode.miss && bytes[start + 2] === LETTER_D && lineEnd === start + 3
      this.code = isEnd ? ClassicCode.end : 0
      if (isValue) this.#readClassicValue(bytes, start + 6, lineEnd)
      return
    }
    let at = start + 3
    if (this.code === MetaCode.value) {
      const sizeEnd = tokenEnd(bytes, at, lineEnd)
      this.#valueBytes = readNumber(bytes, at, sizeEnd)
      if (this.#valueBytes > MAX_VALUE_BYTES)
        throw new Error(`The server announced ${this.#valueBytes} bytes`)
      at = sizeEnd + 1
    }
    while (at < lineEnd) {
      const end = tokenEnd(bytes, at, lineEnd)
      this.#readFlag(bytes, at, end)
      at = end + 1
    }
  }

  /** `VALUE key flags bytes cas`, the answer to `gets`. */
  #readClassicValue(bytes: Buffer, start: number, lineEnd: number): void {
    const keyEnd = tokenEnd(bytes, start, lineEnd)
    const flagsEnd = tokenEnd(bytes, keyEnd + 1, lineEnd)
    const sizeEnd = tokenEnd(bytes, flagsEnd + 1, lineEnd)
    this.code = ClassicCode.value
    this.#keyStart = start
    this.#keyEnd = keyEnd
    this.flags = readNumber(bytes, keyEnd + 1, flagsEnd)
    this.#valueBytes = checkSize(readNumber(bytes, flagsEnd + 1, sizeEnd))
    this.#readCas(bytes, sizeEnd + 1, lineEnd)
  }

  #readFlag(bytes: Buffer, at: number, end: number): void {
    const letter = bytes[at]
    if (letter === LETTER_F) this.flags = readNumber(bytes, at + 1, end)
    else if (letter === LETTER_C) this.#readCas(bytes, at + 1, end)
    else if (letter === LETTER_O) this.opaque = readNumber(bytes, at + 1, end)
  }

  #readCas(bytes: Buffer, start: number, end: number): void {
    if (end - start <= SAFE_DIGITS) {
      const cas = readNumber(bytes, start, end)
      this.casHigh = Math.floor(cas / TWO_TO_32)
      this.casLow = cas % TWO_TO_32
    } else {
      const cas = BigInt(bytes.toString('latin1', start, end))
      this.casHigh = Number(cas >> 32n)
      this.casLow = Number(cas & 0xffff_ffffn)
    }
  }
}

function checkSize(bytes: number): number {
  if (bytes > MAX_VALUE_BYTES) throw new Error(`The server announced ${bytes} bytes`)
  return bytes
}

function tokenEnd(bytes: Buffer, at: number, lineEnd: number): number {
  let end = at
  while (end < lineEnd && bytes[end] !== SPACE) end++
  return end
}

function readNumber(bytes: Buffer, start: number, end: number): number {
  let number = 0
  for (let i = start; i < end; i++) {
    const digit = (bytes[i] ?? 0) - ZERO
    if (digit < 0 || digit > 9) throw new Error('The server sent letters where a number belongs')
    number = number * 10 + digit
  }
  if (start === end) throw new Error('The server sent nothing where a number belongs')
  return number
}

import { corrupt, readText } from '../client/index.js'

// PHP's `serialize` format: `N;` `b:1;` `i:42;` `d:1.5;` `s:5:"hello";` `a:1:{i:0;s:1:"x";}`. Lengths are in bytes.

const MAX_DEPTH = 512
const SPECIAL: ReadonlyMap<string, number> = new Map([
  ['INF', Infinity],
  ['-INF', -Infinity],
  ['NAN', NaN],
])

/** A JSON value as PHP's `serialize` writes it: an object becomes an array with string keys. */
export function phpText(value: unknown): string {
  if (value === null) return 'N;'
  switch (typeof value) {
    case 'boolean':
      return value ? 'b:1;' : 'b:0;'
    case 'number':
      return Number.isSafeInteger(value) ? `i:${value};` : `d:${value};`
    case 'string':
      return `s:${Buffer.byteLength(value)}:"${value}";`
    default: {
      const members = Array.isArray(value)
        ? value.map((member: unknown, i) => [`i:${i};`, member] as const)
        : Object.entries(value as object).map(([name, member]) => [keyText(name), member] as const)
      return `a:${members.length}:{${members.map(([key, member]) => key + phpText(member)).join('')}}`
    }
  }
}

/** PHP makes an integer of a key that is written as one. */
function keyText(name: string): string {
  const isInteger = /^(?:0|-?[1-9]\d{0,14})$/.test(name)
  return isInteger ? `i:${name};` : phpText(name)
}

/**
 * Reads PHP's `serialize` format. An array whose keys count from 0 is a list, and any other an object with the keys as
 * text. Objects, references and enumerations are `E_CORRUPT`, and so is damaged data; no error quotes the content.
 */
export function readPhpText(bytes: Buffer): unknown {
  const reader = new PhpReader(bytes)
  const value = reader.value(0)
  reader.end()
  return value
}

class PhpReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw damaged()
  }

  value(depth: number): unknown {
    if (depth > MAX_DEPTH) throw corrupt(`its PHP arrays are nested deeper than ${MAX_DEPTH}`)
    const type = this.#take(1)
    if (type === 'N') {
      this.#expect(';')
      return null
    }
    this.#expect(':')
    switch (type) {
      case 'b':
        return this.#boolean()
      case 'i':
        return this.#integer()
      case 'd':
        return this.#double()
      case 's': {
        const text = this.#string()
        this.#expect(';')
        return text
      }
      case 'a':
        return this.#array(depth)
      default:
        throw 'OCERrU'.includes(type) ? corrupt('it holds an object or a reference of PHP') : damaged()
    }
  }

  #boolean(): boolean {
    const digit = this.#until(';')
    if (digit !== '0' && digit !== '1') throw damaged()
    return digit === '1'
  }

  #integer(): number | bigint {
    const digits = this.#until(';')
    if (!/^-?\d{1,19}$/.test(digits)) throw damaged()
    const number = Number(digits)
    return Number.isSafeInteger(number) ? number : BigInt(digits)
  }

  #double(): number {
    const text = this.#until(';')
    const special = SPECIAL.get(text)
    if (special !== undefined) return special
    if (!/^-?\d+(?:\.\d+)?(?:E[+-]?\d+)?$/i.test(text)) throw damaged()
    return Number(text)
  }

  #string(): string {
    const length = this.#length()
    this.#expect('"')
    const bytes = this.#bytes.subarray(this.#at, this.#at + length)
    if (bytes.length !== length) throw damaged()
    this.#at += length
    this.#expect('"')
    return readText(bytes)
  }

  #array(depth: number): unknown {
    const count = this.#length()
    this.#expect('{')
    const entries: [string, unknown][] = []
    let isList = true
    for (let i = 0; i < count; i++) {
      const key = this.value(depth + 1)
      if (typeof key !== 'string' && typeof key !== 'number' && typeof key !== 'bigint') throw damaged()
      isList &&= key === i
      entries.push([String(key), this.value(depth + 1)])
    }
    this.#expect('}')
    return isList ? entries.map(([, value]) => value) : Object.fromEntries(entries)
  }

  #length(): number {
    const digits = this.#until(':')
    if (!/^\d{1,10}$/.test(digits)) throw damaged()
    return Number(digits)
  }

  #take(length: number): string {
    const text = this.#bytes.toString('latin1', this.#at, this.#at + length)
    if (text.length !== length) throw damaged()
    this.#at += length
    return text
  }

  #until(end: string): string {
    // The longest number of the format has 24 characters.
    const found = this.#bytes.subarray(this.#at, this.#at + 32).indexOf(end)
    if (found < 0) throw damaged()
    const text = this.#take(found)
    this.#at++
    return text
  }

  #expect(text: string): void {
    if (this.#take(1) !== text) throw damaged()
  }
}

function damaged(): Error {
  return corrupt('its PHP data is damaged')
}

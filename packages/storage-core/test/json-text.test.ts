import { jsonCodec } from '@larder/storage-core'
import { toJsonText } from '@larder/storage-core/driver'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

const refused = (value: unknown, message: string) => {
  expect(() => toJsonText(value)).toThrow(expect.objectContaining({ name: 'TypeError', message }))
  expect(() => jsonCodec().encode(value)).toThrow(expect.objectContaining({ name: 'TypeError', message }))
}

class NamedObject extends Map<string, string> {
  override readonly [Symbol.toStringTag] = 'Object'
}

class Hidden {
  readonly #name = 'Ada'

  get name(): string {
    return this.#name
  }
}

describe('toJsonText', () => {
  test('writes what JSON.stringify writes for every JSON value', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => toJsonText(value) === JSON.stringify(value)))
  })

  test('accepts what JSON converts by its own rules', () => {
    const shared = { a: 1 }
    class Film {
      title = 'Metropolis'
    }
    for (const value of [
      new Date(0),
      { at: new Date(0), url: new URL('https://example.org/') },
      { left: undefined, out: [undefined] },
      { zero: -0, list: [-0], [Symbol('left out')]: 1 },
      { first: shared, again: shared },
      new Film(),
      Object.assign(Object.create(null) as object, { a: 1 }),
      '\ud800',
    ])
      expect(toJsonText(value)).toBe(JSON.stringify(value))
  })

  test.each([
    [new Map(), 'of type Map'],
    [new Set([1]), 'of type Set'],
    [new Error('secret'), 'of type Error'],
    [Promise.resolve(1), 'of type Promise'],
    [/x/, 'of type RegExp'],
    [Buffer.from('x'), 'of type Uint8Array'],
    [new Float64Array(1), 'of type Float64Array'],
    [new WeakMap(), 'of type WeakMap'],
    [() => 1, 'of type function'],
    [Symbol('s'), 'of type symbol'],
    [1n, 'of type bigint'],
    [NaN, 'NaN'],
    [-Infinity, '-Infinity'],
    [new Date(NaN), 'an invalid Date'],
    [new NamedObject(), 'of type Map'],
    [new Hidden(), 'an object of a class without a member that JSON could carry'],
  ] satisfies readonly (readonly [unknown, string])[])(
    'refuses %o at any depth and names its path',
    (value, what) => {
      refused(value, `The value is ${what}, which JSON cannot carry`)
      refused(
        { rows: [{}, { 'two words': { seen: value } }] },
        `The member .rows[1]["two words"].seen of the value is ${what}, which JSON cannot carry`,
      )
      refused(
        [{ toJSON: () => ({ inner: value }) }],
        `The member [0].inner of the value is ${what}, which JSON cannot carry`,
      )
    },
  )

  test('refuses undefined, and a toJSON that returns it', () => {
    refused(undefined, 'The value is undefined, which JSON cannot carry')
    refused({ toJSON: () => undefined }, 'The value is undefined, which JSON cannot carry')
  })

  test('refuses a cycle and names where it closes', () => {
    const film: { cast: unknown[] } = { cast: [] }
    film.cast.push({ in: film })
    refused(
      film,
      'The member .cast[0].in of the value is a reference to an object that contains it, which JSON cannot carry',
    )
  })
})

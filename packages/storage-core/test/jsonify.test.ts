import { jsonCodec, type Jsonify } from '@larder/storage-core'
import { describe, expect, expectTypeOf, test } from 'vitest'

declare const brand: unique symbol
type FilmId = number & { readonly [brand]: 'film' }

class Film {
  readonly title: string = 'ACE GOLDFINGER'
  readonly released: Date = new Date(0)
  #secret = 1
  rent(): number {
    return this.#secret
  }
}

class Money {
  readonly cents: bigint = 499n
  toJSON(): { readonly amount: string; readonly at: Date } {
    return { amount: String(this.cents), at: new Date(0) }
  }
}

interface Tree {
  readonly at: Date
  readonly children: readonly Tree[]
}

describe('Jsonify', () => {
  test('primitives, literals and branded primitives stay', () => {
    expectTypeOf<Jsonify<string | 5 | true | null>>().toEqualTypeOf<string | 5 | true | null>()
    expectTypeOf<Jsonify<FilmId>>().toEqualTypeOf<FilmId>()
    expectTypeOf<Jsonify<'a' | `${number}px`>>().toEqualTypeOf<'a' | `${number}px`>()
  })

  test('a Date is a string, and other objects are what their toJSON returns', () => {
    expectTypeOf<Jsonify<Date>>().toEqualTypeOf<string>()
    expectTypeOf<Jsonify<URL>>().toEqualTypeOf<string>()
    expectTypeOf<Jsonify<Money>>().toEqualTypeOf<{ readonly amount: string; readonly at: string }>()
  })

  test('methods, private members and symbols are left out', () => {
    expectTypeOf<Jsonify<Film>>().toEqualTypeOf<{ readonly title: string; readonly released: string }>()
    expectTypeOf<Jsonify<{ [brand]: 1; a: 1; s: symbol; u: undefined }>>().toEqualTypeOf<{ a: 1 }>()
  })

  test('members that may be undefined become optional, and null stays', () => {
    expectTypeOf<
      Jsonify<{ a?: Date; b: Date | undefined; c: Date | null; d: string | (() => void); e: unknown }>
    >().toEqualTypeOf<{ a?: string; b?: string; c: string | null; d?: string; e?: unknown }>()
  })

  test('lists and tuples keep their form, with null for undefined', () => {
    expectTypeOf<Jsonify<Date[]>>().toEqualTypeOf<string[]>()
    expectTypeOf<Jsonify<readonly [Date, number | undefined]>>().toEqualTypeOf<
      readonly [string, number | null]
    >()
    expectTypeOf<Jsonify<Tree>>().toExtend<{ at: string; children: readonly { at: string }[] }>()
    expectTypeOf<Jsonify<Record<string, Date>>>().toEqualTypeOf<Record<string, string>>()
  })

  test('unions are converted member by member', () => {
    type Event = { kind: 'a'; at: Date } | { kind: 'b'; count: number } | undefined
    expectTypeOf<Jsonify<Event>>().toEqualTypeOf<{ kind: 'a'; at: string } | { kind: 'b'; count: number }>()
  })

  test('what cannot be written is never', () => {
    expectTypeOf<Jsonify<bigint>>().toEqualTypeOf<never>()
    expectTypeOf<Jsonify<Map<string, Date>>>().toEqualTypeOf<never>()
    expectTypeOf<Jsonify<ReadonlySet<string>>>().toEqualTypeOf<never>()
    expectTypeOf<Jsonify<Promise<string>>>().toEqualTypeOf<never>()
    expectTypeOf<Jsonify<Buffer>>().toEqualTypeOf<never>()
    expectTypeOf<Jsonify<{ total: bigint }>>().toEqualTypeOf<{ total: never }>()
  })

  test('unknown and any stay', () => {
    expectTypeOf<Jsonify<unknown>>().toEqualTypeOf<unknown>()
    expectTypeOf<Jsonify<ReturnType<typeof JSON.parse>>>().toBeAny()
  })

  test('the types say what jsonCodec does', () => {
    const codec = jsonCodec()
    const back = (value: unknown) => {
      const { bytes, flags } = codec.encode(value)
      return codec.decode(bytes, flags)
    }
    const value = { film: new Film(), money: new Money(), list: [undefined, new Date(0)], gone: undefined }
    const at = new Date(0).toISOString()
    expect(back(value)).toStrictEqual({
      film: { title: 'ACE GOLDFINGER', released: at },
      money: { amount: '499', at },
      list: [null, at],
    })
    for (const unwritable of [5n, new Map(), new Set(), Promise.resolve(), Buffer.from('x')]) {
      expect(() => back({ deep: [unwritable] })).toThrow(/\.deep\[0\]/)
    }
  })
})

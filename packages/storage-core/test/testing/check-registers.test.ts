import { checkRegisters, type RegisterOperation } from '@larder/storage-core/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isLinearizable } from './brute-force.js'

const key = 'k'

function wrote(
  start: number,
  end: number | undefined,
  version: number | undefined,
  value?: string,
): RegisterOperation {
  return { kind: 'write', key, start, end, version, value }
}

function read(start: number, end: number, version?: number, value?: string): RegisterOperation {
  return { kind: 'read', key, start, end, version, value }
}

function kindsOf(...history: RegisterOperation[]): string[] {
  return checkRegisters(history).map((violation) => violation.kind)
}

describe('checkRegisters lets pass', () => {
  test('an empty history, and reads of nothing', () => {
    expect(kindsOf()).toEqual([])
    expect(kindsOf(read(1, 2), read(3, 4))).toEqual([])
  })

  test('reads after the write', () => {
    expect(kindsOf(wrote(1, 2, 7, 'a'), read(3, 4, 7, 'a'), wrote(5, 6, 9), read(7, 8))).toEqual([])
  })

  test('either value while the write runs', () => {
    const base = [wrote(1, 2, 1, 'a'), wrote(3, 10, 2, 'b')]
    expect(kindsOf(...base, read(4, 5, 1, 'a'), read(6, 7, 2, 'b'), read(8, 9, 2, 'b'))).toEqual([])
  })

  test('a write without an answer, seen or never seen', () => {
    expect(kindsOf(wrote(1, 2, 1, 'a'), wrote(3, undefined, undefined, 'b'), read(9, 10, 1, 'a'))).toEqual([])
    expect(kindsOf(wrote(1, 2, 1, 'a'), wrote(3, undefined, undefined, 'b'), read(9, 10, 2, 'b'))).toEqual([])
    expect(kindsOf(wrote(1, 2, 1, 'a'), wrote(3, undefined, undefined), read(9, 10), read(11, 12))).toEqual(
      [],
    )
  })

  test('an absence that a removal without an answer explains, and not the one that runs meanwhile', () => {
    const removedUnheard = wrote(3, undefined, undefined)
    const [removed, next] = [wrote(5, 12, 9), wrote(8, 9, 8, 'b')]
    expect(kindsOf(wrote(1, 2, 1, 'a'), removedUnheard, removed, read(6, 7), next)).toEqual([])
  })

  test('keys apart from each other', () => {
    expect(kindsOf(wrote(1, 2, 5, 'a'), { ...read(3, 4), key: 'other' })).toEqual([])
  })
})

describe('checkRegisters finds', () => {
  test('a stale read after an acknowledged write', () => {
    expect(kindsOf(wrote(1, 2, 1, 'a'), wrote(3, 4, 2, 'b'), read(5, 6, 1, 'a'))).toEqual(['stale'])
    expect(kindsOf(wrote(1, 2, 1, 'a'), read(3, 4))).toEqual(['stale'])
    expect(kindsOf(wrote(1, 2, 1, 'a'), wrote(3, 4, 2), read(5, 6, 1, 'a'))).toEqual(['stale'])
  })

  test('a step back while the write still runs', () => {
    const base = [wrote(1, 2, 1, 'a'), wrote(3, 20, 2, 'b')]
    expect(kindsOf(...base, read(4, 5, 2, 'b'), read(6, 7, 1, 'a'))).toEqual(['back'])
    expect(kindsOf(wrote(1, 9, 1, 'a'), read(2, 3, 1, 'a'), read(4, 5))).toEqual(['back'])
  })

  test('a step back behind a removal without an answer', () => {
    const base = [wrote(1, 2, 1, 'a'), wrote(3, undefined, undefined)]
    expect(kindsOf(...base, read(4, 5), read(6, 7, 1, 'a'))).toEqual(['back'])
  })

  test('what nobody wrote, or not yet', () => {
    expect(kindsOf(read(1, 2, 1, 'a'))).toEqual(['unwritten'])
    expect(kindsOf(read(1, 2, 1, 'a'), wrote(3, 4, 1, 'a'))).toEqual(['unwritten'])
  })

  test('another value under the version', () => {
    expect(kindsOf(wrote(1, 2, 1, 'a'), read(3, 4, 1, 'b'))).toEqual(['torn'])
  })

  test('versions that repeat, or do not follow the time', () => {
    expect(kindsOf(wrote(1, 2, 1, 'a'), wrote(1, 2, 1, 'b'))).toEqual(['order'])
    expect(kindsOf(wrote(1, 2, 2, 'a'), wrote(3, 4, 1, 'b'))).toEqual(['order'])
    expect(kindsOf(wrote(1, 2, 7, 'a'), wrote(3, 4, 8), wrote(5, 6, 1, 'b'))).toEqual(['order'])
    expect(kindsOf(wrote(1, 20, 7, 'a'), read(3, 4, 7, 'a'), wrote(5, 6, 1, 'b'))).toEqual(['order'])
  })

  test('a value that returns after its removal was seen', () => {
    const base = [wrote(1, 2, 1, 'a'), wrote(3, 30, 2)]
    expect(kindsOf(...base, read(4, 5), read(6, 7, 1, 'a'))).toEqual(['back'])
  })
})

test('it agrees with a search through all orders', () => {
  const span = fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 6 }))
  const version = fc.integer({ min: 1, max: 4 })
  const operation = fc.oneof(
    fc.tuple(span, version, fc.boolean()).map(([[start, length], at, removes]) => {
      return wrote(start, start + length, at, removes ? undefined : `value ${at}`)
    }),
    fc.tuple(span, version).map(([[start, length], at]) => read(start, start + length, at, `value ${at}`)),
    span.map(([start, length]) => read(start, start + length)),
  )
  let lawful = 0
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 6 }), (history) => {
      const expected = isLinearizable(history)
      if (expected) lawful++
      expect(checkRegisters(history).length === 0, JSON.stringify(history)).toBe(expected)
    }),
    { numRuns: 5_000 },
  )
  expect(lawful, `only ${lawful} histories were lawful`).toBeGreaterThan(100)
})

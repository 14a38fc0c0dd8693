import { checkRegisters, type RegisterOperation } from '@larder/storage-core/testing'
import fc from 'fast-check'
import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
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
    assert.deepEqual(kindsOf(), [])
    assert.deepEqual(kindsOf(read(1, 2), read(3, 4)), [])
  })

  test('reads after the write', () => {
    assert.deepEqual(kindsOf(wrote(1, 2, 7, 'a'), read(3, 4, 7, 'a'), wrote(5, 6, 9), read(7, 8)), [])
  })

  test('either value while the write runs', () => {
    const base = [wrote(1, 2, 1, 'a'), wrote(3, 10, 2, 'b')]
    assert.deepEqual(kindsOf(...base, read(4, 5, 1, 'a'), read(6, 7, 2, 'b'), read(8, 9, 2, 'b')), [])
  })

  test('a write without an answer, seen or never seen', () => {
    assert.deepEqual(
      kindsOf(wrote(1, 2, 1, 'a'), wrote(3, undefined, undefined, 'b'), read(9, 10, 1, 'a')),
      [],
    )
    assert.deepEqual(
      kindsOf(wrote(1, 2, 1, 'a'), wrote(3, undefined, undefined, 'b'), read(9, 10, 2, 'b')),
      [],
    )
    assert.deepEqual(
      kindsOf(wrote(1, 2, 1, 'a'), wrote(3, undefined, undefined), read(9, 10), read(11, 12)),
      [],
    )
  })

  test('an absence that a removal without an answer explains, and not the one that runs meanwhile', () => {
    const removedUnheard = wrote(3, undefined, undefined)
    const [removed, next] = [wrote(5, 12, 9), wrote(8, 9, 8, 'b')]
    assert.deepEqual(kindsOf(wrote(1, 2, 1, 'a'), removedUnheard, removed, read(6, 7), next), [])
  })

  test('keys apart from each other', () => {
    assert.deepEqual(kindsOf(wrote(1, 2, 5, 'a'), { ...read(3, 4), key: 'other' }), [])
  })
})

describe('checkRegisters finds', () => {
  test('a stale read after an acknowledged write', () => {
    assert.deepEqual(kindsOf(wrote(1, 2, 1, 'a'), wrote(3, 4, 2, 'b'), read(5, 6, 1, 'a')), ['stale'])
    assert.deepEqual(kindsOf(wrote(1, 2, 1, 'a'), read(3, 4)), ['stale'])
    assert.deepEqual(kindsOf(wrote(1, 2, 1, 'a'), wrote(3, 4, 2), read(5, 6, 1, 'a')), ['stale'])
  })

  test('a step back while the write still runs', () => {
    const base = [wrote(1, 2, 1, 'a'), wrote(3, 20, 2, 'b')]
    assert.deepEqual(kindsOf(...base, read(4, 5, 2, 'b'), read(6, 7, 1, 'a')), ['back'])
    assert.deepEqual(kindsOf(wrote(1, 9, 1, 'a'), read(2, 3, 1, 'a'), read(4, 5)), ['back'])
  })

  test('a step back behind a removal without an answer', () => {
    const base = [wrote(1, 2, 1, 'a'), wrote(3, undefined, undefined)]
    assert.deepEqual(kindsOf(...base, read(4, 5), read(6, 7, 1, 'a')), ['back'])
  })

  test('what nobody wrote, or not yet', () => {
    assert.deepEqual(kindsOf(read(1, 2, 1, 'a')), ['unwritten'])
    assert.deepEqual(kindsOf(read(1, 2, 1, 'a'), wrote(3, 4, 1, 'a')), ['unwritten'])
  })

  test('another value under the version', () => {
    assert.deepEqual(kindsOf(wrote(1, 2, 1, 'a'), read(3, 4, 1, 'b')), ['torn'])
  })

  test('versions that repeat, or do not follow the time', () => {
    assert.deepEqual(kindsOf(wrote(1, 2, 1, 'a'), wrote(1, 2, 1, 'b')), ['order'])
    assert.deepEqual(kindsOf(wrote(1, 2, 2, 'a'), wrote(3, 4, 1, 'b')), ['order'])
    assert.deepEqual(kindsOf(wrote(1, 2, 7, 'a'), wrote(3, 4, 8), wrote(5, 6, 1, 'b')), ['order'])
    assert.deepEqual(kindsOf(wrote(1, 20, 7, 'a'), read(3, 4, 7, 'a'), wrote(5, 6, 1, 'b')), ['order'])
  })

  test('a value that comes back after its removal was seen', () => {
    const base = [wrote(1, 2, 1, 'a'), wrote(3, 30, 2)]
    assert.deepEqual(kindsOf(...base, read(4, 5), read(6, 7, 1, 'a')), ['back'])
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
      assert.equal(checkRegisters(history).length === 0, expected, JSON.stringify(history))
    }),
    { numRuns: 5_000 },
  )
  assert.ok(lawful > 100, `only ${lawful} histories were lawful`)
})

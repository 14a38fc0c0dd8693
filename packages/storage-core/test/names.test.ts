import { MAX_COLLECTION_BYTES, MAX_RESOURCE_BYTES } from '@larder/storage-core'
import {
  checkCollectionName,
  checkResourceName,
  compareNames,
  hasLoneSurrogate,
  normalizeExt,
} from '@larder/storage-core/driver'
import { AWKWARD_NAMES, BAD_NAMES, LONG_NAMES } from '@larder/storage-core/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

describe('checkCollectionName and checkResourceName', () => {
  test('take any Unicode', () => {
    for (const name of [...AWKWARD_NAMES, ...LONG_NAMES]) {
      checkCollectionName(name)
      checkResourceName(name)
    }
  })

  test('refuse what no storage can keep', () => {
    for (const [name, why] of BAD_NAMES) {
      const error = typeof name === 'string' ? RangeError : TypeError
      expect(() => checkCollectionName(name), why).toThrow(error)
      expect(() => checkResourceName(name), why).toThrow(error)
    }
  })

  test('count bytes of UTF-8, not characters', () => {
    for (const [check, max] of [
      [checkCollectionName, MAX_COLLECTION_BYTES],
      [checkResourceName, MAX_RESOURCE_BYTES],
    ] as [(name: unknown) => void, number][]) {
      for (const letter of ['x', '\u00e9', '\u65e5', '\u{1f600}']) {
        const fitting = letter.repeat(Math.floor(max / Buffer.byteLength(letter)))
        check(fitting)
        expect(() => check(fitting + letter)).toThrow(RangeError)
      }
    }
  })

  test('take exactly the strings that come back from UTF-8 unchanged', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(0xffff)), (units) => {
        const text = String.fromCharCode(...units)
        expect(hasLoneSurrogate(text)).toBe(Buffer.from(text).toString() !== text)
      }),
    )
  })
})

describe('compareNames', () => {
  const text = fc.string({ unit: 'binary' })

  test('orders as bytes of UTF-8 do', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareNames(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
      }),
      { numRuns: 2_000 },
    )
  })

  test('orders characters above U+FFFF last, unlike UTF-16', () => {
    const sorted = ['\ue000', '\uffff', '\u{10000}', '\u{10ffff}']
    expect([...sorted].reverse().sort(compareNames)).toEqual(sorted)
    expect([...sorted].sort()).not.toEqual(sorted)
  })
})

describe('normalizeExt', () => {
  test('takes an ext with and without its dot', () => {
    expect(normalizeExt(undefined)).toBeUndefined()
    expect(normalizeExt('atom')).toBe('.atom')
    expect(normalizeExt('.atom')).toBe('.atom')
    expect(normalizeExt('tar.gz')).toBe('.tar.gz')
    expect(normalizeExt('..')).toBe('..')
  })

  test('refuses empty and invalid extensions', () => {
    for (const ext of ['', '.', '\0', '\ud800', 'x'.repeat(600)])
      expect(() => normalizeExt(ext)).toThrow(RangeError)
    for (const ext of [null, 7, {}]) expect(() => normalizeExt(ext)).toThrow(TypeError)
  })
})

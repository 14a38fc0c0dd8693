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
import assert from 'node:assert/strict'
import { describe, test } from 'vitest'

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
      assert.throws(() => checkCollectionName(name), error, why)
      assert.throws(() => checkResourceName(name), error, why)
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
        assert.throws(() => check(fitting + letter), RangeError)
      }
    }
  })

  test('take exactly the strings that come back from UTF-8 unchanged', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(0xffff)), (units) => {
        const text = String.fromCharCode(...units)
        assert.equal(hasLoneSurrogate(text), Buffer.from(text).toString() !== text)
      }),
    )
  })
})

describe('compareNames', () => {
  const text = fc.string({ unit: 'binary' })

  test('orders as bytes of UTF-8 do', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        assert.equal(Math.sign(compareNames(a, b)), Buffer.compare(Buffer.from(a), Buffer.from(b)))
      }),
      { numRuns: 2_000 },
    )
  })

  test('puts what is above U+FFFF last, where UTF-16 does not', () => {
    const sorted = ['\ue000', '\uffff', '\u{10000}', '\u{10ffff}']
    assert.deepEqual([...sorted].reverse().sort(compareNames), sorted)
    assert.notDeepEqual([...sorted].sort(), sorted)
  })
})

describe('normalizeExt', () => {
  test('takes an ext with and without its dot', () => {
    assert.equal(normalizeExt(undefined), undefined)
    assert.equal(normalizeExt('atom'), '.atom')
    assert.equal(normalizeExt('.atom'), '.atom')
    assert.equal(normalizeExt('tar.gz'), '.tar.gz')
    assert.equal(normalizeExt('..'), '..')
  })

  test('refuses what says nothing or is none', () => {
    for (const ext of ['', '.', '\0', '\ud800', 'x'.repeat(600)])
      assert.throws(() => normalizeExt(ext), RangeError)
    for (const ext of [null, 7, {}]) assert.throws(() => normalizeExt(ext), TypeError)
  })
})

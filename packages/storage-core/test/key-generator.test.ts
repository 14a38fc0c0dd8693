import { MemoryStorage } from '@larder/storage-core'
import { defaultKeyGenerator } from '@larder/storage-core/driver'
import { AWKWARD_NAMES } from '@larder/storage-core/testing'
import fc from 'fast-check'
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'

const name = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1 }),
  fc.constantFrom(...AWKWARD_NAMES, '1:a', ':', 'a:'),
)

describe('defaultKeyGenerator', () => {
  test('is the name of the collection and a digest of the arguments', () => {
    const digest = createHash('sha256').update('4:news:first').digest('base64url')
    expect(defaultKeyGenerator('news', 'first')).toBe(`news:${digest}`)
    const alone = createHash('sha256').update('4:news').digest('base64url')
    expect(defaultKeyGenerator('news', undefined)).toBe(`news:${alone}`)
  })

  test('leaves out a name that is long or not plain', () => {
    for (const collection of ['a b', 'a\nb', 'a:b', 'caf\u00e9', 'x'.repeat(65)]) {
      expect(defaultKeyGenerator(collection, 'r')).toMatch(/^[A-Za-z0-9_-]{43}$/)
    }
    expect(defaultKeyGenerator('x'.repeat(64), 'r').startsWith('x'.repeat(64))).toBeTruthy()
  })

  test('is always fit for memcached', () => {
    fc.assert(
      fc.property(name, fc.option(name, { nil: undefined }), (collection, resource) => {
        expect(defaultKeyGenerator(collection, resource)).toMatch(/^[!-~]{1,108}$/)
      }),
    )
  })

  test('gives other arguments another key', () => {
    const address = fc.tuple(name, fc.option(name, { nil: undefined }))
    fc.assert(
      fc.property(address, address, (a, b) => {
        const same = a[0] === b[0] && a[1] === b[1]
        expect(defaultKeyGenerator(...a) === defaultKeyGenerator(...b)).toBe(same)
      }),
    )
  })

  test('a generator of the user takes its place, and is asked when the key is', async () => {
    const asked: unknown[] = []
    const keyGenerator = (...names: [string, string | undefined]) => {
      asked.push(names)
      return names.join('/')
    }
    const storage = new MemoryStorage({ keyGenerator })
    const info = storage.info('c', 'r')
    await storage.putContent(info, 'x')
    expect(asked).toEqual([])
    expect(info.key).toBe('c/r')
    expect(info.key).toBe('c/r')
    expect(asked).toEqual([['c', 'r']])
  })
})

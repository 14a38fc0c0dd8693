import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { md5Word } from '../../src/routing/md5.js'
import { createRouter } from '../../src/routing/router.js'
import { parseServers } from '../../src/server-address.js'

test('the first word of the digest is that of the crypto library, for every length', () => {
  for (let length = 0; length <= 250; length++) {
    const bytes = Buffer.alloc(300, 'a\xff7').fill(length, 0, length >> 1)
    const digest = createHash('md5').update(bytes.subarray(0, length)).digest()
    expect(md5Word(bytes, length)).toBe(digest.readUInt32LE(0))
  }
})

const keys = Array.from({ length: 3000 }, (_, i) => `key-${i}`)

test('a server more moves about its own share of the keys and no others', () => {
  const four = createRouter(parseServers('a,b,c,d'))
  const five = createRouter(parseServers('a,b,c,d,e'))
  const moved = keys.filter((key) => four(key) !== five(key))
  expect(moved.every((key) => five(key) === 4)).toBe(true)
  expect(moved.length / keys.length).toBeGreaterThan(0.1)
  expect(moved.length / keys.length).toBeLessThan(0.3)
})

test('weights shift the shares', () => {
  const route = createRouter(parseServers('a:1:3,b:1:1'))
  const share = keys.filter((key) => route(key) === 0).length / keys.length
  expect(share).toBeGreaterThan(0.65)
  expect(share).toBeLessThan(0.85)
})

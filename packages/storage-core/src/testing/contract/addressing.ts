import assert from 'node:assert/strict'
import { contentOf } from './assertions.js'
import { group } from './harness.js'
import { AWKWARD_NAMES } from './sample-names.js'

// A key generator that joins its arguments with a separator gives some of these the same key.
const LOOKALIKES: readonly (readonly [string, string?])[] = [
  ['a'],
  ['a', 'a'],
  ['a:a'],
  ['a', ':a'],
  ['a:', 'a'],
  ['a:a', 'a'],
  ['a', 'a:a'],
  ['a/a'],
  ['a/a', 'a'],
  ['a', 'a/a'],
  ['aa', 'a'],
  ['a', 'aa'],
  ['1:a', 'a'],
  ['1', 'a:a'],
  ['a', 'undefined'],
  ['a', 'null'],
  ['["a"]'],
  ['["a","a"]'],
  ['a","a'],
  ['a', '","'],
  ['a\n', 'a'],
  ['a', '\na'],
  ['a ', 'a'],
  ['a', ' a'],
  ['a%3A', 'a'],
]

export const addressing = group('addressing', (test) => {
  test('an info has the names that it was made of', async ({ storage, collection }) => {
    const info = storage.info(collection, 'resource')
    assert.equal(info.collection, collection)
    assert.equal(info.resource, 'resource')
    const whole = storage.info(collection)
    assert.equal(whole.collection, collection)
    assert.equal(whole.resource, undefined)
  })

  test('info() gives the same key for the same arguments', async ({ storage, reopen }) => {
    const second = (await reopen?.()) ?? storage
    for (const names of LOOKALIKES) {
      const { key } = storage.info(...names)
      assert.equal(typeof key, 'string')
      assert.notEqual(key, '')
      assert.equal(storage.info(...names).key, key)
      assert.equal(second.info(...names).key, key)
    }
  })

  test('info() gives different keys for different arguments', async ({ storage }) => {
    const keys = new Map<string, string>()
    const all = [
      ...LOOKALIKES,
      ...AWKWARD_NAMES.flatMap((name) => [[name], [name, 'x'], ['x', name]] as const),
    ]
    for (const names of all) {
      const { key } = storage.info(...(names as [string, string?]))
      const said = JSON.stringify(names)
      assert.equal(keys.get(key) ?? said, said, `two addresses have the key ${key}`)
      keys.set(key, said)
    }
  })

  test('info() creates nothing and works on a closed storage', async ({ storage, collection, reopen }) => {
    storage.info(collection, 'resource')
    assert.equal(await storage.exists(storage.info(collection)), false)
    const second = await reopen?.()
    await storage.shutdown()
    assert.equal(storage.info(collection, 'resource').resource, 'resource')
    if (second !== undefined) assert.equal(await second.exists(second.info(collection)), false)
  })

  test('a storage accepts an info of another storage by its names', async ({ storage, collection, info }) => {
    const foreign = { collection, resource: 'resource', key: 'of another storage' }
    await storage.putContent(foreign, 'bytes')
    assert.equal(await contentOf(storage, info()), 'bytes')
    assert.equal(await contentOf(storage, foreign), 'bytes')
    assert.equal(await storage.exists(foreign), true)
    assert.equal(await storage.exists({ collection, resource: undefined, key: info().key }), true)
    await storage.removeContent(foreign)
    assert.equal(await storage.exists(info()), false)
  })
})

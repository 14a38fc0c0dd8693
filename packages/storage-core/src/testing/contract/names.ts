import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { compareNames, MAX_COLLECTION_BYTES, MAX_RESOURCE_BYTES } from '../../names.js'
import type { ResourceInfo } from '../../resource.js'
import { assertRefused, contentOf, firstOf, namesOf } from './assertions.js'
import { group } from './harness.js'
import { AWKWARD_NAMES, BAD_NAMES, LONG_NAMES } from './sample-names.js'

const GOOD_NAMES = [...AWKWARD_NAMES, ...LONG_NAMES]

export const names = group('names', (test) => {
  test('resources whose names differ in any code point are different resources', async ({
    storage,
    collection,
    info,
  }) => {
    for (const name of GOOD_NAMES) await storage.putContent(info(name), `content of ${name}`)
    const read = await storage.getMany(GOOD_NAMES.map((name) => info(name)))
    for (const [i, name] of GOOD_NAMES.entries()) {
      const bytes = read[i]?.bytes
      assert.equal(bytes && Buffer.from(bytes).toString(), `content of ${name}`, `of ${JSON.stringify(name)}`)
    }
    const listed = [...(await storage.ls(collection))]
    assert.deepEqual(
      listed.map(([name]) => name),
      [...GOOD_NAMES].sort(compareNames),
    )
    for (const [name, listedInfo] of listed) assert.equal(listedInfo.key, info(name).key)
  })

  test('removing a resource leaves resources with similar names', async ({ storage, collection, info }) => {
    for (const name of GOOD_NAMES) await storage.putMetaData(info(name), name)
    const removed = new Set(GOOD_NAMES.filter((_, i) => i % 2 === 0))
    for (const name of removed) await storage.removeMetaData(info(name))
    for (const name of GOOD_NAMES) {
      assert.equal(await storage.exists(info(name)), !removed.has(name), JSON.stringify(name))
    }
    const left = GOOD_NAMES.filter((name) => !removed.has(name)).sort(compareNames)
    assert.deepEqual(await namesOf(storage, collection), left)
  })

  test('collections whose names differ in any code point are different collections', async ({
    storage,
    collection,
  }) => {
    // In front a mark of this run, since data of earlier runs may be around.
    const mark = collection.slice('contract'.length)
    const all = GOOD_NAMES.map((name) => mark + name).filter(
      (at) => Buffer.byteLength(at) <= MAX_COLLECTION_BYTES,
    )
    for (const at of all) await storage.putContent(storage.info(at, 'r'), `content in ${at}`)
    for (const at of all) {
      assert.equal(await contentOf(storage, storage.info(at, 'r')), `content in ${at}`)
      assert.deepEqual(await namesOf(storage, at), ['r'])
    }
  })

  test('the longest names are stored, and longer ones are refused', async ({
    storage,
    info,
    otherCollection,
  }) => {
    for (const letter of ['x', '\u00e9', '\u65e5', '\u{1f600}']) {
      const longest = fill(letter, MAX_RESOURCE_BYTES)
      await storage.putContent(info(longest), letter)
      assert.equal(await contentOf(storage, info(longest)), letter)
      assert.throws(() => info(`${longest}${letter}`), RangeError)
      const collection = otherCollection() + fill(letter, MAX_COLLECTION_BYTES - otherCollection().length)
      await storage.putContent(storage.info(collection, longest), letter)
      assert.equal(await contentOf(storage, storage.info(collection, longest)), letter)
      assert.throws(() => storage.info(fill(letter, MAX_COLLECTION_BYTES) + letter), RangeError)
    }
  })

  test('info() throws at once for an invalid name', async ({ storage, collection }) => {
    for (const [name, why] of BAD_NAMES) {
      const error = typeof name === 'string' ? RangeError : TypeError
      assert.throws(() => storage.info(name as string), error, `collection: ${why}`)
      assert.throws(() => storage.info(name as string, 'resource'), error, `collection: ${why}`)
      assert.throws(() => storage.info(collection, name as string), error, `resource: ${why}`)
    }
  })

  test('every method refuses an invalid name', async ({ storage, collection }) => {
    for (const [name, why] of BAD_NAMES) {
      const bad = { collection, resource: name, key: 'key' } as ResourceInfo
      for (const call of [
        () => storage.createContainer(name as string),
        () => storage.ls(name as string),
        () => firstOf(() => storage.ils(name as string)),
        () => storage.page(name as string),
        () => storage.putContent(bad, 'x'),
        () => storage.putMetaData(bad, 'x'),
        () => storage.getContent(bad),
        () => storage.getMany([bad]),
        () => storage.openContent(bad),
        () => storage.exists(bad),
        () => storage.removeContent(bad),
        () => storage.persist([bad]),
      ]) {
        await assertRefused(call, `${why} in ${String(call)}`)
      }
    }
    assert.equal(await storage.exists(storage.info(collection)), false)
  })

  test('every method refuses an invalid info', async ({ storage }) => {
    for (const bad of [undefined, null, 'name', 7, {}] as unknown as ResourceInfo[]) {
      for (const call of [
        () => storage.getContent(bad),
        () => storage.putContent(bad, 'x'),
        () => storage.removeMetaData(bad),
        () => storage.exists(bad),
        () => storage.openContent(bad),
        () => storage.persist([bad]),
      ]) {
        await assertRefused(call, `${inspect(bad)} in ${String(call)}`)
      }
    }
  })
})

function fill(letter: string, bytes: number): string {
  const size = Buffer.byteLength(letter)
  return letter.repeat(Math.floor(bytes / size)) + 'z'.repeat(bytes % size)
}

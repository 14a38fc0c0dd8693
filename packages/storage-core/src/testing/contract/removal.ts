import assert from 'node:assert/strict'
import { assertCode, contentOf, metadataOf, namesOf } from './assertions.js'
import { group } from './harness.js'

export const removal = group('removal', (test) => {
  test('removing a missing resource succeeds and changes nothing', async ({
    storage,
    supports,
    collection,
    info,
  }) => {
    const removals = [await storage.removeContent(info()), await storage.removeMetaData(info())]
    if (supports.atomicParts) removals.push(await storage.remove(info()))
    for (const { changed, version, created, emptied } of removals) {
      assert.deepEqual([changed, version, created, emptied], [false, 0, false, false])
    }
    assert.deepEqual(await namesOf(storage, collection), [])
  })

  test('removing a missing part leaves the other as it is', async ({ storage, info }) => {
    const { version } = await storage.putContent(info(), 'content')
    assert.equal((await storage.removeMetaData(info())).changed, false)
    assert.equal((await storage.getContent(info())).version, version)
  })

  test('removing a part leaves the other', async ({ storage, collection, info }) => {
    await storage.putContent(info(), 'content')
    await storage.putMetaData(info(), 'metadata')
    const first = await storage.removeContent(info())
    assert.deepEqual([first.changed, first.created, first.emptied], [true, false, false])
    await assertCode(storage.getContent(info()), 'E_NOT_FOUND')
    assert.equal(await metadataOf(storage, info()), 'metadata')
    assert.deepEqual(await namesOf(storage, collection), ['resource'])
    const second = await storage.removeMetaData(info())
    assert.deepEqual([second.changed, second.created, second.emptied], [true, false, true])
    await assertCode(storage.getMetaData(info()), 'E_NOT_FOUND')
    assert.equal(await storage.exists(info()), false)
    assert.deepEqual(await namesOf(storage, collection), [])
  })

  test('remove() removes both parts at once where the storage supports that', async ({
    storage,
    supports,
    collection,
    info,
  }) => {
    if (!supports.atomicParts) return assertCode(storage.remove(info()), 'E_UNSUPPORTED')
    await storage.put(info(), { content: 'content', metadata: 'metadata' })
    await storage.putContent(info('only content'), 'content')
    await storage.putMetaData(info('only metadata'), 'metadata')
    for (const name of ['resource', 'only content', 'only metadata']) {
      const { changed, emptied, version } = await storage.remove(info(name))
      assert.deepEqual([changed, emptied], [true, true])
      assert.ok(version > 0)
      assert.equal(await contentOf(storage, info(name)), undefined)
      assert.equal(await metadataOf(storage, info(name)), undefined)
    }
    assert.deepEqual(await namesOf(storage, collection), [])
  })

  test('a removed resource can be created again', async ({ storage, info }) => {
    await storage.putContent(info(), 'first')
    await storage.putMetaData(info(), 'gone')
    await storage.removeMetaData(info())
    await storage.removeContent(info())
    const again = await storage.putContent(info(), 'second')
    assert.equal(again.created, true)
    assert.equal(await contentOf(storage, info()), 'second')
    assert.equal(await metadataOf(storage, info()), undefined)
  })

  test('exactly one of several concurrent removals changes something', async ({ storage, info }) => {
    await storage.putContent(info(), 'x')
    const all = await Promise.all(Array.from({ length: 6 }, () => storage.removeContent(info())))
    assert.equal(all.filter((one) => one.changed).length, 1)
    assert.equal(await storage.exists(info()), false)
  })
})

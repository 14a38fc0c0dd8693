import assert from 'node:assert/strict'
import { contentOf, namesOf, takeTurns } from './assertions.js'
import { group } from './harness.js'

export const containers = group('containers, exists and persist', (test) => {
  test('a collection exists after createContainer', async ({ storage, collection }) => {
    const whole = storage.info(collection)
    assert.equal(await storage.exists(whole), false)
    await storage.createContainer(collection)
    assert.equal(await storage.exists(whole), true)
    assert.deepEqual(await namesOf(storage, collection), [])
  })

  test('the first write creates the collection', async ({ storage, collection, otherCollection, info }) => {
    await storage.putContent(info(), 'x')
    assert.equal(await storage.exists(storage.info(collection)), true)
    const other = otherCollection()
    await storage.putMetaData(storage.info(other, 'r'), 'x')
    assert.equal(await storage.exists(storage.info(other)), true)
  })

  test('creating a collection again changes nothing', async ({ storage, collection, info }) => {
    await storage.createContainer(collection)
    await storage.putContent(info(), 'kept')
    await storage.createContainer(collection)
    assert.equal(await contentOf(storage, info()), 'kept')
    assert.deepEqual(await namesOf(storage, collection), ['resource'])
  })

  test('many callers can create a collection at once', async ({ storage, reopen, collection }) => {
    const handles = [storage, (await reopen?.()) ?? storage]
    await Promise.all(Array.from({ length: 10 }, (_, i) => takeTurns(handles, i).createContainer(collection)))
    assert.equal(await storage.exists(storage.info(collection)), true)
  })

  test('first writes and listings of a new collection can run at once', async ({
    storage,
    reopen,
    collection,
    info,
  }) => {
    const handles = [storage, (await reopen?.()) ?? storage]
    await Promise.all(
      Array.from({ length: 12 }, async (_, i) => {
        const handle = takeTurns(handles, i)
        if (i % 3 === 0) await handle.ls(collection)
        else await handle.putContent(info(`r${i}`), `content ${i}`)
      }),
    )
    assert.deepEqual(await namesOf(storage, collection), ['r1', 'r10', 'r11', 'r2', 'r4', 'r5', 'r7', 'r8'])
  })

  test('exists answers for a resource and for each part', async ({ storage, info }) => {
    const seen = async () => [
      await storage.exists(info()),
      await storage.exists(info(), { part: 'content' }),
      await storage.exists(info(), { part: 'metadata' }),
    ]
    assert.deepEqual(await seen(), [false, false, false])
    await storage.putContent(info(), '')
    assert.deepEqual(await seen(), [true, true, false])
    await storage.putMetaData(info(), '')
    assert.deepEqual(await seen(), [true, true, true])
    await storage.removeContent(info())
    assert.deepEqual(await seen(), [true, false, true])
    await storage.removeMetaData(info())
    assert.deepEqual(await seen(), [false, false, false])
  })

  test('persist accepts all kinds of infos and changes nothing', async ({ storage, collection, info }) => {
    await storage.putContent(info(), 'kept')
    await storage.persist([])
    await storage.persist([info(), info('missing'), storage.info(collection)])
    await storage.persist(
      [{ collection, resource: 'resource', key: 'foreign' }],
      'a message\nof two lines, caf\u00e9',
    )
    assert.equal(await contentOf(storage, info()), 'kept')
    assert.deepEqual(await namesOf(storage, collection), ['resource'])
  })
})

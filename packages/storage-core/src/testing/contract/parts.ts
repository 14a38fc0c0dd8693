import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { etagOf, type StoredPart } from '../../resource.js'
import type { Storage, WriteResult } from '../../storage.js'
import { assertCode, assertRefused, assertSameBytes, contentOf, metadataOf, textOf } from './assertions.js'
import { group } from './harness.js'

export const parts = group('parts', (test) => {
  test('content is returned as it was put', async ({ storage, info }) => {
    const bytes = Uint8Array.from({ length: 512 }, (_, i) => i)
    const written = await storage.putContent(info(), bytes)
    const read = await storage.getContent(info())
    assertSameBytes(read.bytes, bytes)
    assertDescribes(read, written)
  })

  test('metadata is returned as it was put', async ({ storage, info }) => {
    const written = await storage.putMetaData(info(), 'title: caf\u00e9')
    const read = await storage.getMetaData(info())
    assert.equal(textOf(read), 'title: caf\u00e9')
    assertDescribes(read, written)
  })

  test('a string is stored as UTF-8', async ({ storage, info }) => {
    const text = 'a\u0000b \u00e9 e\u0301 \u65e5\u672c \u{1f600} \ufeff \u2028 \r\n'
    await storage.putContent(info(), text)
    assertSameBytes((await storage.getContent(info())).bytes, Buffer.from(text))
  })

  test('a string with a lone surrogate is refused', async ({ storage, info }) => {
    await assertRefused(() => storage.putContent(info(), 'half a pair: \ud83d'), 'a lone surrogate')
    assert.equal(await storage.exists(info()), false)
  })

  test('an empty part exists', async ({ storage, info }) => {
    await storage.putContent(info(), '')
    const read = await storage.getContent(info())
    assert.equal(read.size, 0)
    assert.equal(read.bytes.length, 0)
    assert.equal(await storage.exists(info(), { part: 'content' }), true)
    await storage.putMetaData(info(), new Uint8Array())
    assert.equal(await metadataOf(storage, info()), '')
  })

  test('a missing part is E_NOT_FOUND', async ({ storage, info }) => {
    await assertCode(storage.getContent(info()), 'E_NOT_FOUND')
    await assertCode(storage.getMetaData(info()), 'E_NOT_FOUND')
    await storage.putContent(info(), 'content')
    await assertCode(storage.getMetaData(info()), 'E_NOT_FOUND')
    await assertCode(storage.getContent(info('other')), 'E_NOT_FOUND')
  })

  test('writing one part leaves the other as it is', async ({ storage, info }) => {
    const content = await storage.putContent(info(), 'content')
    assert.deepEqual([content.changed, content.created, content.emptied], [true, true, false])
    const metadata = await storage.putMetaData(info(), 'metadata')
    assert.deepEqual([metadata.changed, metadata.created, metadata.emptied], [true, false, false])
    const read = await storage.getContent(info())
    assert.equal(textOf(read), 'content')
    assert.equal(read.version, content.version)
    assert.equal((await storage.getMetaData(info())).version, metadata.version)
    await storage.putContent(info(), 'changed')
    assert.equal(await contentOf(storage, info()), 'changed')
    assert.equal(await metadataOf(storage, info()), 'metadata')
  })

  test('put() writes both parts at once where the storage supports that', async ({
    storage,
    supports,
    info,
  }) => {
    const both = { content: 'content', metadata: 'metadata' }
    if (!supports.atomicParts) {
      await assertCode(storage.put(info(), both), 'E_UNSUPPORTED')
      await assertCode(storage.remove(info()), 'E_UNSUPPORTED')
      assert.equal(await storage.exists(info()), false)
      return
    }
    const written = await storage.put(info(), both)
    await assertHas(storage, written, both)
    const changed = { content: 'more content', metadata: '' }
    await assertHas(storage, await storage.put(info(), changed), changed)

    async function assertHas(from: Storage, result: WriteResult, expected: typeof both): Promise<void> {
      const content = await from.getContent(info())
      const metadata = await from.getMetaData(info())
      assert.deepEqual({ content: textOf(content), metadata: textOf(metadata) }, expected)
      assertDescribes(content, result)
      assertDescribes(metadata, result)
    }
  })

  test('put() writes the parts it is given', async ({ storage, info }) => {
    await storage.put(info(), { content: 'content' })
    await storage.put(info(), { metadata: 'metadata' })
    await storage.put(info(), { content: undefined, metadata: 'changed' })
    assert.equal(await contentOf(storage, info()), 'content')
    assert.equal(await metadataOf(storage, info()), 'changed')
    await assertRefused(() => storage.put(info(), {}), 'a put of nothing')
    await assertRefused(() => storage.put(info(), { content: undefined }), 'a put of nothing')
  })

  test('a value that is neither bytes nor a string nor a stream is refused', async ({ storage, info }) => {
    for (const value of [undefined, null, 7, {}, [1, 2], new ArrayBuffer(2), new Date()]) {
      await assertRefused(() => storage.putContent(info(), value as string), `content of ${inspect(value)}`)
      await assertRefused(() => storage.putMetaData(info(), value as string), `metadata of ${inspect(value)}`)
    }
    assert.equal(await storage.exists(info()), false)
  })

  test("a collection's info has no parts", async ({ storage, collection }) => {
    const whole = storage.info(collection)
    await assertRefused(() => storage.getContent(whole))
    await assertRefused(() => storage.getMetaData(whole))
    await assertRefused(() => storage.openContent(whole))
    await assertRefused(() => storage.getMany([whole]))
    await assertRefused(() => storage.putContent(whole, 'x'))
    await assertRefused(() => storage.putMetaData(whole, 'x'))
    await assertRefused(() => storage.removeContent(whole))
    await assertRefused(() => storage.exists(whole, { part: 'content' }))
  })
})

function assertDescribes(part: StoredPart, written: WriteResult): void {
  assert.equal(part.version, written.version)
  assert.equal(part.etag, written.etag)
  assert.equal(part.etag, etagOf(part.version))
  assert.equal(part.size, part.bytes.length)
  assert.ok(Buffer.isBuffer(part.bytes), 'the bytes are no Buffer')
  assert.ok(part.modifiedAt instanceof Date && written.modifiedAt instanceof Date)
  assert.equal(part.modifiedAt.getTime(), written.modifiedAt.getTime())
  assert.ok(Math.abs(part.modifiedAt.getTime() - Date.now()) < 3_600_000, 'modifiedAt is far from now')
}

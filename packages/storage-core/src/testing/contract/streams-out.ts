import assert from 'node:assert/strict'
import { isStorageError } from '../../errors.js'
import type { PartStream } from '../../resource.js'
import { assertCode, assertSameBytes, contentOf, noise, soon } from './assertions.js'
import { group } from './harness.js'

export const streamsOut = group('streams out', (test) => {
  test('openContent returns the content as a stream, with its properties', async ({ storage, info }) => {
    const bytes = noise(300_000)
    const written = await storage.putContent(info(), bytes)
    const opened = await storage.openContent(info())
    assert.deepEqual(
      [opened.version, opened.etag, opened.size],
      [written.version, written.etag, bytes.length],
    )
    assert.equal(opened.modifiedAt.getTime(), written.modifiedAt.getTime())
    assertSameBytes(await drain(opened), bytes)
  })

  test('empty content opens as a stream without bytes', async ({ storage, info }) => {
    await storage.putContent(info(), '')
    const opened = await storage.openContent(info())
    assert.equal(opened.size, 0)
    assert.equal((await drain(opened)).length, 0)
  })

  test('a missing part is E_NOT_FOUND', async ({ storage, info }) => {
    await assertCode(storage.openContent(info()), 'E_NOT_FOUND')
    await storage.putMetaData(info(), 'metadata')
    await assertCode(storage.openContent(info()), 'E_NOT_FOUND')
  })

  test('several streams of several megabytes can be read at once', async ({ storage, info }) => {
    const bytes = noise(3 * 1_024 * 1_024 + 5)
    await storage.putContent(info(), bytes)
    const streams = await Promise.all([1, 2, 3].map(() => storage.openContent(info())))
    for (const read of await Promise.all(streams.map(drain))) assertSameBytes(read, bytes)
  })

  test('a loop over a stream that ends early blocks no other call', async ({ storage, info }) => {
    await storage.putContent(info(), noise(500_000))
    for (let i = 0; i < 20; i++) {
      for await (const chunk of (await storage.openContent(info())).stream) {
        assert.ok(chunk.length > 0)
        break
      }
    }
    await storage.openContent(info())
    await soon(storage.putContent(info(), 'written'), 'a write after streams that ended early')
    assert.equal(await contentOf(storage, info()), 'written')
    await soon(storage.shutdown(), 'a shutdown after streams that ended early')
  })

  test('a stream never mixes old and new content', async ({ storage, info }) => {
    const old = new Uint8Array(400_000).fill(1)
    await storage.putContent(info(), old)
    const replaced = await storage.openContent(info())
    const removed = await storage.openContent(info())
    await storage.putContent(info(), new Uint8Array(400_000).fill(2))
    await assertOldOrConflict(replaced, old)
    await storage.removeContent(info())
    await assertOldOrConflict(removed, old)
  })

  test('the caller can change the chunks of a stream', async ({ storage, info }) => {
    await storage.putContent(info(), noise(1_000))
    for await (const chunk of (await storage.openContent(info())).stream) chunk.fill(0)
    assertSameBytes((await storage.getContent(info())).bytes, noise(1_000))
  })

  test('a stream that is open during close() ends completely or with E_CLOSED', async ({ storage, info }) => {
    const bytes = noise(500_000)
    await storage.putContent(info(), bytes)
    const opened = await storage.openContent(info())
    await soon(storage.shutdown(), 'a shutdown with an open stream')
    try {
      assertSameBytes(await soon(drain(opened), 'a stream of a closed storage'), bytes)
    } catch (error) {
      if (!isStorageError(error, 'E_CLOSED')) throw error
    }
  })
})

async function drain({ stream }: PartStream): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function assertOldOrConflict(opened: PartStream, old: Uint8Array): Promise<void> {
  try {
    assertSameBytes(await drain(opened), old, 'the bytes of a stream whose content was replaced')
  } catch (error) {
    if (!isStorageError(error, 'E_CONFLICT')) throw error
  }
}

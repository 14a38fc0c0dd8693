import assert from 'node:assert/strict'
import { assertSameBytes, contentOf, noise } from './assertions.js'
import { group } from './harness.js'

export const ownership = group('ownership of bytes', (test) => {
  test('a writer can change its bytes after the write without changing the resource', async ({
    storage,
    info,
  }) => {
    for (const length of [5, 100, 70_000]) {
      const bytes = noise(length)
      await storage.putContent(info('content'), bytes)
      await storage.putMetaData(info('metadata'), bytes)
      bytes.fill(0)
      assertSameBytes((await storage.getContent(info('content'))).bytes, noise(length))
      assertSameBytes((await storage.getMetaData(info('metadata'))).bytes, noise(length))
    }
  })

  test('a reader can change its bytes without changing the resource for others', async ({
    storage,
    info,
  }) => {
    for (const length of [5, 100, 70_000]) {
      await storage.putContent(info(), noise(length))
      await storage.putMetaData(info(), noise(length))
      for (let i = 0; i < 3; i++) {
        const many = await storage.getMany([info()])
        for (const part of [await storage.getContent(info()), await storage.getMetaData(info()), ...many]) {
          assert.ok(part !== undefined)
          assertSameBytes(part.bytes, noise(length))
          part.bytes.fill(0)
        }
      }
    }
  })

  test('concurrent readers get bytes of their own', async ({ storage, info }) => {
    await storage.putContent(info(), noise(1_000))
    const [first, ...others] = await Promise.all([1, 2, 3, 4].map(() => storage.getContent(info())))
    first?.bytes.fill(0)
    for (const other of others) assertSameBytes(other.bytes, noise(1_000))
  })

  test('a view is stored without the buffer around it', async ({ storage, info }) => {
    const memory = Buffer.from('<<<inside>>>')
    await storage.putContent(info('buffer'), memory.subarray(3, 9))
    await storage.putContent(info('array'), new Uint8Array(memory.buffer, memory.byteOffset + 3, 6))
    assert.equal(await contentOf(storage, info('buffer')), 'inside')
    assert.equal(await contentOf(storage, info('array')), 'inside')
  })

  test('each answer has dates of its own', async ({ storage, info }) => {
    const written = await storage.putContent(info(), 'x')
    const time = written.modifiedAt.getTime()
    written.modifiedAt.setTime(0)
    const read = await storage.getContent(info())
    assert.equal(read.modifiedAt.getTime(), time)
    read.modifiedAt.setTime(0)
    assert.equal((await storage.getContent(info())).modifiedAt.getTime(), time)
  })
})

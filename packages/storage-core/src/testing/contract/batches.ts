import assert from 'node:assert/strict'
import { assertRefused, assertSameBytes, textOf } from './assertions.js'
import { group } from './harness.js'

export const batches = group('getMany', (test) => {
  test('getMany answers in the order of the infos, with undefined for missing parts', async ({
    storage,
    info,
  }) => {
    for (const name of ['a', 'b', 'c']) await storage.putContent(info(name), `content of ${name}`)
    const answer = await storage.getMany(['c', 'missing', 'a', 'b'].map(info))
    assert.deepEqual(
      answer.map((part) => part && textOf(part)),
      ['content of c', undefined, 'content of a', 'content of b'],
    )
  })

  test('getMany returns the same parts as getContent and getMetaData', async ({ storage, info }) => {
    await storage.putContent(info(), 'content')
    await storage.putMetaData(info(), 'metadata')
    const [content] = await storage.getMany([info()])
    const [metadata] = await storage.getMany([info()], { part: 'metadata' })
    for (const [many, one] of [
      [content, await storage.getContent(info())],
      [metadata, await storage.getMetaData(info())],
    ] as const) {
      assert.ok(many !== undefined)
      assertSameBytes(many.bytes, one.bytes)
      assert.deepEqual([many.version, many.etag, many.size], [one.version, one.etag, one.size])
      assert.equal(many.modifiedAt.getTime(), one.modifiedAt.getTime())
    }
  })

  test('getMany answers a repeated info each time with bytes of its own', async ({ storage, info }) => {
    await storage.putContent(info(), 'twice')
    const [first, second] = await storage.getMany([info(), info()])
    assert.ok(first !== undefined && second !== undefined)
    first.bytes.fill(0)
    assert.equal(textOf(second), 'twice')
  })

  test('getMany of no infos returns no answers', async ({ storage }) => {
    assert.deepEqual(await storage.getMany([]), [])
    assert.deepEqual(await storage.getMany([], { part: 'metadata' }), [])
  })

  test('getMany accepts infos of several collections', async ({ storage, otherCollection, info }) => {
    const other = storage.info(otherCollection(), 'resource')
    await storage.putContent(info(), 'here')
    await storage.putContent(other, 'there')
    const answer = await storage.getMany([other, info(), other])
    assert.deepEqual(
      answer.map((part) => part && textOf(part)),
      ['there', 'here', 'there'],
    )
  })

  test('getMany reads 1,000 infos at once of which few are stored', async ({ storage, info }) => {
    const stored = new Set([0, 1, 13, 499, 500, 501, 777, 998, 999])
    await Promise.all([...stored].map((i) => storage.putContent(info(`r${i}`), `content ${i}`)))
    await storage.putMetaData(info('r2'), 'not content')
    const answer = await storage.getMany(Array.from({ length: 1_000 }, (_, i) => info(`r${i}`)))
    assert.equal(answer.length, 1_000)
    for (const [i, part] of answer.entries()) {
      assert.equal(part && textOf(part), stored.has(i) ? `content ${i}` : undefined)
    }
  })

  test('bad arguments are refused', async ({ storage, collection, info }) => {
    await assertRefused(() => storage.getMany(undefined as unknown as []), 'no array')
    await assertRefused(
      () => storage.getMany([info(), undefined as unknown as ReturnType<typeof info>]),
      'no info',
    )
    await assertRefused(() => storage.getMany([{ collection, resource: '', key: 'k' }]), 'an empty name')
    await assertRefused(() => storage.getMany([info()], { part: 'body' as 'content' }), 'an unknown part')
  })
})

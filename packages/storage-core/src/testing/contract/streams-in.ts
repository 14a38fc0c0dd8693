import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { assertCode, assertRefused, assertSameBytes, contentOf, metadataOf, noise } from './assertions.js'
import { group } from './harness.js'

export const streamsIn = group('streams in', (test) => {
  test('a stream is stored as the sum of its chunks', async ({ storage, info }) => {
    await storage.putContent(info(), chunks('one ', '', 'two ', 'three'))
    assert.equal(await contentOf(storage, info()), 'one two three')
    await storage.putMetaData(info(), chunks('meta', 'data'))
    assert.equal(await metadataOf(storage, info()), 'metadata')
  })

  test('web streams, Node streams and plain iterables are taken', async ({ storage, info }) => {
    const blob = new Blob(['from a ', 'blob'])
    await storage.putContent(info('web'), blob.stream() as ReadableStream<Uint8Array>)
    assert.equal(await contentOf(storage, info('web')), 'from a blob')
    await storage.putContent(info('node'), Readable.from([Buffer.from('from '), Buffer.from('node')]))
    assert.equal(await contentOf(storage, info('node')), 'from node')
  })

  test('an empty stream is empty content', async ({ storage, info }) => {
    await storage.putContent(info('no chunks'), chunks())
    await storage.putContent(info('empty chunks'), chunks('', ''))
    for (const name of ['no chunks', 'empty chunks'])
      assert.equal((await storage.getContent(info(name))).size, 0)
  })

  test('many small chunks and several megabytes', async ({ storage, info }) => {
    const large = noise(3 * 1_024 * 1_024 + 17)
    await storage.putContent(info('large'), slices(large, 65_536))
    assertSameBytes((await storage.getContent(info('large'))).bytes, large)
    const small = noise(20_000, 2)
    await storage.putContent(info('small'), slices(small, 10))
    assertSameBytes((await storage.getContent(info('small'))).bytes, small)
  })

  test('a source may use the memory of a chunk again', async ({ storage, info }) => {
    async function* recycled(): AsyncGenerator<Uint8Array> {
      const buffer = Buffer.alloc(4)
      for (const word of ['one,', 'two,', 'six.']) {
        buffer.write(word)
        yield buffer
      }
      buffer.fill(0)
    }
    await storage.putContent(info(), recycled())
    assert.equal(await contentOf(storage, info()), 'one,two,six.')
  })

  test('a source that throws midway leaves nothing', async ({ storage, info }) => {
    const boom = new Error('the source broke')
    await assert.rejects(storage.putContent(info(), broken(boom)), boom)
    assert.equal(await storage.exists(info()), false)
    await storage.putContent(info(), 'old')
    await assert.rejects(storage.putContent(info(), broken(boom)), boom)
    assert.equal(await contentOf(storage, info()), 'old')
    await storage.putContent(info(), 'and it goes on')
    assert.equal(await contentOf(storage, info()), 'and it goes on')
  })

  test('a source that throws midway leaves the other part alone too', async ({ storage, supports, info }) => {
    if (!supports.atomicParts) return
    await storage.put(info(), { content: 'c', metadata: 'm' })
    const boom = new Error('the source broke')
    await assert.rejects(storage.put(info(), { content: chunks('new'), metadata: broken(boom) }), boom)
    await assert.rejects(storage.put(info(), { content: broken(boom), metadata: 'new' }), boom)
    assert.equal(await contentOf(storage, info()), 'c')
    assert.equal(await metadataOf(storage, info()), 'm')
  })

  test('a source that yields no bytes is refused and leaves nothing', async ({ storage, info }) => {
    async function* numbers(): AsyncGenerator {
      yield Buffer.from('first ')
      yield 7
    }
    await assertRefused(
      () => storage.putContent(info(), numbers() as AsyncIterable<Uint8Array>),
      'a number as a chunk',
    )
    assert.equal(await storage.exists(info()), false)
  })

  test('a source is closed also where nothing was read of it', async ({ storage, supports, info }) => {
    const { etag } = await storage.putContent(info(), 'first')
    await storage.putContent(info(), 'second')
    const node = Readable.from([Buffer.from('x')])
    await assertCode(storage.putContent(info(), node, { ifMatch: etag }), 'E_PRECONDITION_FAILED')
    assert.equal(node.destroyed, true)
    const signal = AbortSignal.abort()
    const late = Readable.from([Buffer.from('x')])
    await assertCode(storage.putContent(info(), late, { signal }), 'E_ABORTED')
    assert.equal(late.destroyed, true)
    const reasons: unknown[] = []
    const asked = { highWaterMark: 0 }
    const cancel = (reason: unknown) => void reasons.push(reason)
    const web = new ReadableStream<Uint8Array>({ pull: (stream) => stream.close(), cancel }, asked)
    await assertCode(storage.putContent(info(), web, { signal }), 'E_ABORTED')
    assert.equal(reasons.length, 1)
    if (!supports.atomicParts) return
    const other = Readable.from([Buffer.from('x')])
    await assertRefused(() => storage.put(info(), { content: other, metadata: 7 as never }), 'a number')
    assert.equal(other.destroyed, true)
  })

  test('conditions hold for streams as well', async ({ storage, info }) => {
    const first = await storage.putContent(info(), chunks('first'), { ifNoneMatch: '*' })
    await assertCode(storage.putContent(info(), chunks('x'), { ifNoneMatch: '*' }), 'E_PRECONDITION_FAILED')
    await storage.putContent(info(), chunks('second'), { ifMatch: first.etag })
    await assertCode(
      storage.putContent(info(), chunks('x'), { ifMatch: first.etag }),
      'E_PRECONDITION_FAILED',
    )
    assert.equal(await contentOf(storage, info()), 'second')
  })
})

async function* chunks(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text)
}

async function* slices(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function* broken(error: Error): AsyncGenerator<Uint8Array> {
  yield noise(100_000)
  throw error
}

import assert from 'node:assert/strict'
import { PassThrough, Readable } from 'node:stream'
import type { ResourceInfo } from '../../resource.js'
import type { ByteSource, Storage } from '../../storage.js'
import {
  assertCode,
  assertRefused,
  assertSameBytes,
  contentOf,
  metadataOf,
  noise,
  soon,
} from './assertions.js'
import { group } from './harness.js'

export const streamsIn = group('streams in', (test) => {
  test('a stream is stored as the sum of its chunks', async ({ storage, info }) => {
    await storage.putContent(info(), chunks('one ', '', 'two ', 'three'))
    assert.equal(await contentOf(storage, info()), 'one two three')
    await storage.putMetaData(info(), chunks('meta', 'data'))
    assert.equal(await metadataOf(storage, info()), 'metadata')
  })

  test('web streams, Node streams and plain iterables are accepted', async ({ storage, info }) => {
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

  test('a stream of many small chunks and one of several megabytes are stored', async ({ storage, info }) => {
    const large = noise(3 * 1_024 * 1_024 + 17)
    await storage.putContent(info('large'), slices(large, 65_536))
    assertSameBytes((await storage.getContent(info('large'))).bytes, large)
    const small = noise(20_000, 2)
    await storage.putContent(info('small'), slices(small, 10))
    assertSameBytes((await storage.getContent(info('small'))).bytes, small)
  })

  test('a source can reuse the memory of a chunk', async ({ storage, info }) => {
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

  test('a source that throws midway writes nothing', async ({ storage, info }) => {
    const boom = new Error('the source broke')
    await assert.rejects(storage.putContent(info(), broken(boom)), boom)
    assert.equal(await storage.exists(info()), false)
    await storage.putContent(info(), 'old')
    await assert.rejects(storage.putContent(info(), broken(boom)), boom)
    assert.equal(await contentOf(storage, info()), 'old')
    await storage.putContent(info(), 'and it goes on')
    assert.equal(await contentOf(storage, info()), 'and it goes on')
  })

  test('a source that throws midway leaves the other part as it is', async ({ storage, supports, info }) => {
    if (!supports.atomicParts) return
    await storage.put(info(), { content: 'c', metadata: 'm' })
    const boom = new Error('the source broke')
    await assert.rejects(storage.put(info(), { content: chunks('new'), metadata: broken(boom) }), boom)
    await assert.rejects(storage.put(info(), { content: broken(boom), metadata: 'new' }), boom)
    assert.equal(await contentOf(storage, info()), 'c')
    assert.equal(await metadataOf(storage, info()), 'm')
  })

  test('a source that yields something other than bytes is refused and writes nothing', async ({
    storage,
    info,
  }) => {
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

  test('a refused write does not read from a stream that others have begun to read', async ({
    storage,
    supports,
    info,
  }) => {
    const { etag } = await storage.putContent(info(), 'first')
    await storage.putContent(info(), 'second')
    const refusals: readonly ((content: ByteSource) => Promise<unknown>)[] = [
      (content) =>
        assertCode(
          soon(storage.putContent(info(), content, { ifMatch: etag }), 'a refused write'),
          'E_PRECONDITION_FAILED',
        ),
      (content) =>
        assertCode(storage.putContent(info(), content, { signal: AbortSignal.abort() }), 'E_ABORTED'),
      (content) => assertRefused(() => storage.putContent(info(), content, { ifMatch: '' }), 'no tag'),
    ]
    for (const [i, refuse] of refusals.entries()) {
      const node = new PassThrough()
      node.write('from node')
      await refuse(node)
      assert.deepEqual([node.destroyed, node.readableLength], [false, 9], `a Node stream, refusal ${i}`)
      const web = webUpload('from the web')
      await refuse(web.stream)
      const { stream, state } = web
      assert.deepEqual([stream.locked, state.isCancelled], [false, false], `a web stream, refusal ${i}`)
      const generator = chunks('generated')
      await refuse(generator)
      // Nothing is lost: the next write can have it.
      await storage.putContent(info('node'), node.end())
      assert.equal(await contentOf(storage, info('node')), 'from node')
      web.end()
      await storage.putContent(info('web'), stream)
      assert.equal(await contentOf(storage, info('web')), 'from the web')
      await storage.putContent(info('generator'), generator)
      assert.equal(await contentOf(storage, info('generator')), 'generated')
    }
    if (!supports.atomicParts) return
    const other = new PassThrough()
    const refused = () => soon(storage.put(info(), { content: other, metadata: 7 as never }), 'a refusal')
    await assertRefused(refused, 'a number')
    assert.equal(other.destroyed, false)
  })

  test('a write that stops midway leaves the rest of the stream readable', async ({ storage, info }) => {
    const node = upload('read')
    await stopMidway(storage, info(), node.stream, node.isWaiting)
    assert.equal(node.stream.destroyed, false)
    node.stream.push('rest')
    node.stream.push(null)
    assert.equal(Buffer.concat(await node.stream.toArray()).toString(), 'rest')
    const web = webUpload('read')
    await stopMidway(storage, info(), web.stream, web.isWaiting)
    assert.deepEqual([web.stream.locked, web.state.isCancelled], [false, false])
    web.end('rest')
    assert.equal(await restOf(web.stream), 'rest')
    assert.equal(await storage.exists(info()), false)
  })

  test('a write that stops midway ends a generator', async ({ storage, info }) => {
    let isEnded = false
    const boom = new Error('the other source broke')
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        yield Buffer.from('x')
        yield 7 as never
        throw boom
      } finally {
        isEnded = true
      }
    }
    await assertRefused(() => storage.putContent(info(), source()), 'a number')
    assert.equal(isEnded, true)
  })

  test('a source that was read before is refused and not stored as empty', async ({ storage, info }) => {
    const node = Readable.from([Buffer.from('x')])
    await node.toArray()
    await assertRefused(() => storage.putContent(info(), node), 'a Node stream at its end')
    const web = new Response('x').body as ReadableStream<Uint8Array>
    for await (const _ of web);
    await assertRefused(() => storage.putContent(info(), web), 'a web stream at its end')
    const generator = chunks('x')
    await storage.putContent(info('once'), generator)
    await assertRefused(() => storage.putContent(info(), generator), 'a generator a second time')
    assert.equal(await storage.exists(info()), false)
  })

  test('a function that opens a source is accepted', async ({ storage, info }) => {
    const opens: readonly (readonly [text: string, open: () => ByteSource | Promise<ByteSource>])[] = [
      ['text', () => 'text'],
      ['bytes', async () => Buffer.from('bytes')],
      ['node', () => Readable.from([Buffer.from('no'), Buffer.from('de')])],
      ['web', async () => new Response('web').body as ReadableStream<Uint8Array>],
      ['generated', () => chunks('gene', 'rated')],
    ]
    for (const [text, open] of opens) {
      await storage.putContent(info(), open as () => string)
      assert.equal(await contentOf(storage, info()), text)
    }
    const boom = new Error('there is no such file')
    await assert.rejects(
      storage.putContent(info(), () => Promise.reject(boom)),
      boom,
    )
    await assertRefused(() => storage.putContent(info(), () => 7 as never), 'a number')
  })

  test('a write that stops midway closes the source that a function opened', async ({ storage, info }) => {
    const node = upload('read')
    await stopMidway(storage, info(), () => node.stream, node.isWaiting)
    assert.equal(node.stream.destroyed, true)
    const web = webUpload('read')
    await stopMidway(storage, info(), async () => web.stream, web.isWaiting)
    assert.equal(web.state.isCancelled, true)
    let isOpened = false
    const open = () => {
      isOpened = true
      return 'x'
    }
    const { etag } = await storage.putContent(info(), 'first')
    await storage.putContent(info(), 'second')
    await assertCode(storage.putContent(info(), open, { ifMatch: etag }), 'E_PRECONDITION_FAILED')
    assert.equal(isOpened, false, 'a refused write has opened its source')
  })

  test('conditions apply to streams', async ({ storage, info }) => {
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

/** A Node stream under way. `isWaiting` resolves when its text was taken and more is wanted. */
function upload(text: string) {
  const chunks = [text]
  let tell: () => void = () => undefined
  const isWaiting = new Promise<void>((resolve) => (tell = resolve))
  const read = () => (chunks.length > 0 ? stream.push(chunks.pop()) : tell())
  const stream = new Readable({ highWaterMark: 1, read })
  return { stream, isWaiting }
}

/** The same of the web. */
function webUpload(text: string) {
  const state = { isCancelled: false }
  const chunks = [text]
  let controller: ReadableStreamDefaultController<Uint8Array>
  let tell: () => void = () => undefined
  const isWaiting = new Promise<void>((resolve) => (tell = resolve))
  const push = (more: string | undefined) => {
    if (more !== undefined) controller.enqueue(Buffer.from(more))
  }
  const stream = new ReadableStream<Uint8Array>(
    {
      start: (given) => void (controller = given),
      pull: () => (chunks.length > 0 ? push(chunks.pop()) : tell()),
      cancel: () => void (state.isCancelled = true),
    },
    { highWaterMark: 0 },
  )
  const end = (rest?: string) => {
    push(chunks.pop())
    push(rest)
    controller.close()
  }
  return { stream, state, isWaiting, end }
}

async function restOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  const rest: Uint8Array[] = []
  for await (const chunk of stream) rest.push(chunk)
  return Buffer.concat(rest).toString()
}

/** Aborts a write that waits for more of its source. */
async function stopMidway(
  storage: Storage,
  info: ResourceInfo,
  source: ByteSource,
  isWaiting: Promise<void>,
): Promise<void> {
  const abort = new AbortController()
  const writing = assertCode(storage.putContent(info, source, { signal: abort.signal }), 'E_ABORTED')
  await soon(Promise.race([isWaiting, writing]), 'the first chunk')
  abort.abort()
  await soon(writing, 'an aborted write')
}

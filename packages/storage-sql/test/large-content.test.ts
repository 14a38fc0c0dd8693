import type { ResourceInfo } from '@larder/storage-core'
import { SqlStorage } from '@larder/storage-sql'
import { fork } from 'node:child_process'
import { createHash, type Hash } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { DATABASE_NAMES, errorOf, openFresh, type OpenPlace } from './databases.js'

const SMALL = { inlineMaxBytes: 1_000, chunkBytes: 1_000 }
setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void
const UPLOAD = new URL('fixtures/upload-forever.mjs', import.meta.url)

/** Bytes that are different everywhere, in pieces of a size that fits nothing. */
async function* noise(bytes: number, hash?: Hash): AsyncGenerator<Uint8Array, void, undefined> {
  const piece = Buffer.allocUnsafe(70_001)
  for (let at = 0; at < bytes; at += piece.length) {
    for (let i = 0; i + 4 <= piece.length; i += 4) piece.writeUInt32LE((at + i) >>> 0, i)
    const some = piece.subarray(0, Math.min(piece.length, bytes - at))
    hash?.update(some)
    yield some
  }
}

async function drain(
  stream: AsyncIterable<Uint8Array>,
  each?: (chunk: Uint8Array) => void,
): Promise<{ digest: string; size: number }> {
  const hash = createHash('sha256')
  let size = 0
  for await (const chunk of stream) {
    hash.update(chunk)
    size += chunk.length
    each?.(chunk)
  }
  return { digest: hash.digest('hex'), size }
}

/** Bytes that are reachable: without garbage, and without what the allocator keeps for later. */
function reachableBytes(): number {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** How much more is reachable than before, looked at after every 8 MB that pass. */
class HeldMemory {
  static readonly #EVERY_BYTES = 8_000_000
  readonly #before = reachableBytes()
  #unseen = 0
  samples = 0
  peak = 0

  pass(chunk: Uint8Array): void {
    this.#unseen += chunk.length
    if (this.#unseen < HeldMemory.#EVERY_BYTES) return
    this.#unseen = 0
    this.samples++
    this.peak = Math.max(this.peak, reachableBytes() - this.#before)
  }
}

/** Sweeps begin with writes, and are not waited for. */
async function eventually(check: () => Promise<boolean>, poke: () => Promise<unknown>): Promise<void> {
  const deadline = performance.now() + 20_000
  while (!(await check())) {
    expect(performance.now(), 'it did not come to pass').toBeLessThan(deadline)
    await poke()
    await sleep(20)
  }
}

function otherWrite({ storage }: OpenPlace): () => Promise<unknown> {
  return () => storage.putContent(storage.info('c', 'other'), 'x')
}

describe.each(DATABASE_NAMES)('large contents on %s', (name) => {
  test('120 MB are written and read in little memory', { timeout: 120_000 }, async () => {
    await using opened = await openFresh(name)
    const { storage } = opened
    const bytes = 120_000_000
    const sent = createHash('sha256')
    const held = new HeldMemory()
    const source = async function* () {
      for await (const chunk of noise(bytes, sent)) {
        held.pass(chunk)
        yield chunk
      }
    }
    const info = storage.info('c', 'large')
    await storage.putContent(info, source())
    const { stream, size } = await storage.openContent(info)
    const got = await drain(stream, (chunk) => held.pass(chunk))
    expect(size).toBe(bytes)
    expect(got).toEqual({ digest: sent.digest('hex'), size: bytes })
    expect(held.samples, `${held.samples} samples`).toBeGreaterThan(2 * 10)
    expect(held.peak, `${Math.round(held.peak / 1e6)} MB more than before`).toBeLessThan(bytes / 2)
  })

  test.each([0, 1, 999, 1_000, 1_001, 1_999, 2_000, 2_001, 5_000])(
    '%i bytes around the limits',
    async (size) => {
      await using opened = await openFresh(name, SMALL)
      const { storage } = opened
      const bytes = Buffer.alloc(size, 'abcdefg')
      for (const source of [bytes, noise(size)]) {
        const info = storage.info('c', 'r')
        await storage.putContent(info, source)
        const stored = await storage.getContent(info)
        expect(stored.size).toBe(size)
        expect(stored.bytes.length).toBe(size)
        const { stream } = await storage.openContent(info)
        expect((await drain(stream)).digest).toBe(createHash('sha256').update(stored.bytes).digest('hex'))
        if (source === bytes) expect(stored.bytes).toEqual(bytes)
      }
      expect(await opened.count('body', 'expires_ms IS NULL')).toBe(size > 1_000 ? 1 : 0)
    },
  )

  test('an open stream ends with the old content, or with E_CONFLICT after chunkGraceMs', async () => {
    await using opened = await openFresh(name, { ...SMALL, chunkGraceMs: 400 })
    const { storage } = opened
    const info = storage.info('c', 'r')
    await storage.putContent(info, 'a'.repeat(5_000))
    const patient = (await storage.openContent(info)).stream[Symbol.asyncIterator]()
    await patient.next()
    const { stream } = await storage.openContent(info)
    await storage.putContent(info, 'b'.repeat(5_000))
    let text = ''
    for await (const chunk of stream) text += Buffer.from(chunk).toString()
    expect(text).toBe('a'.repeat(5_000))
    await eventually(async () => (await opened.count('body')) === 1, otherWrite(opened))
    expect(await opened.count('chunk')).toBe(5)
    expect((await errorOf(patient.next() as Promise<unknown>)).code).toBe('E_CONFLICT')
    expect((await storage.getContent(info)).bytes.toString()).toBe('b'.repeat(5_000))
  })

  test('getContent never mixes two contents and never fails because of a replacement', async () => {
    await using opened = await openFresh(name, { ...SMALL, chunkGraceMs: 1 })
    const { storage } = opened
    const info = storage.info('c', 'r')
    await storage.putContent(info, 'a'.repeat(8_000))
    let stop = false
    const writing = (async () => {
      for (let i = 0; !stop; i++)
        await storage.putContent(info, 'abcdef'.charAt(i % 6).repeat(5_000 + (i % 3) * 1_500))
    })()
    try {
      for (let i = 0; i < 60; i++) {
        const outcome = await storage
          .getContent(info)
          .catch((error: unknown) => (error as { code?: string }).code)
        if (typeof outcome === 'string') expect(outcome).toBe('E_CONFLICT')
        else expect(new Set(outcome?.bytes).size).toBe(1)
      }
    } finally {
      stop = true
      await writing
    }
  })

  test('removal and replacement by a small content leave no chunks', async () => {
    await using opened = await openFresh(name, { ...SMALL, chunkGraceMs: 1 })
    const { storage } = opened
    await storage.putContent(storage.info('c', 'removed'), 'a'.repeat(5_000))
    await storage.putContent(storage.info('c', 'small'), 'a'.repeat(5_000))
    await storage.removeContent(storage.info('c', 'removed'))
    await storage.putContent(storage.info('c', 'small'), 'a')
    await eventually(async () => (await opened.count('body')) === 0, otherWrite(opened))
    expect(await opened.count('chunk')).toBe(0)
  })

  test('a failed write leaves nothing: its source, its condition, its abort', async () => {
    await using opened = await openFresh(name, { ...SMALL, chunkGraceMs: 1 })
    const { storage } = opened
    const info = storage.info('c', 'r')
    const reason = new Error('the source failed')
    const failing = async function* () {
      yield* noise(200_000)
      throw reason
    }
    expect(await errorOf(storage.putContent(info, failing()))).toBe(reason)
    const unmet = storage.putContent(info, noise(200_000), { ifMatch: '"1"' })
    expect((await errorOf(unmet)).code).toBe('E_PRECONDITION_FAILED')
    const abort = new AbortController()
    const slow = async function* () {
      yield* noise(200_000)
      abort.abort()
      await new Promise(() => undefined)
    }
    expect((await errorOf(storage.putContent(info, slow(), { signal: abort.signal }))).code).toBe('E_ABORTED')
    await eventually(async () => (await opened.count('body')) === 0, otherWrite(opened))
    expect(await opened.count('chunk')).toBe(0)
    expect(await storage.exists(info)).toBe(false)
  })

  test('chunks that a killed process left behind are removed', async () => {
    await using opened = await openFresh(name, { streamPauseMs: 1_000, chunkGraceMs: 1 })
    const child = fork(UPLOAD, [opened.place.url])
    await once(child, 'message')
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(await opened.count('chunk')).toBeGreaterThan(0)
    await eventually(async () => (await opened.count('body')) === 0, otherWrite(opened))
    expect(await opened.count('chunk')).toBe(0)
  })

  test('of several written together none is left where one breaks', async () => {
    await using opened = await openFresh(name, { ...SMALL, chunkGraceMs: 1 })
    const { storage } = opened
    const [a, b, c] = ['a', 'b', 'c'].map((each) => storage.info('c', each)) as [
      ResourceInfo,
      ResourceInfo,
      ResourceInfo,
    ]
    const big = Buffer.alloc(10_000, 'x')
    const broken = async function* () {
      yield* noise(10_000)
      throw new Error('the source broke')
    }
    const writes = [
      { info: a, content: big },
      { info: b, content: broken() },
      { info: c, content: big },
    ]
    await expect(storage.writeMany(writes)).rejects.toMatchObject({ message: 'the source broke' })
    await eventually(async () => (await opened.count('body')) === 0, otherWrite(opened))
    await storage.writeMany([a, c].map((info) => ({ info, content: big })))
    expect((await storage.getMany([a, b, c])).map((part) => part?.size)).toEqual([10_000, undefined, 10_000])
    // The old bodies go, those of the other resource stay.
    await storage.writeMany([
      { info: a, content: null },
      { info: b, content: noise(10_000) },
      { info: c, content: 'short' },
    ])
    await eventually(async () => (await opened.count('body')) === 1, otherWrite(opened))
    expect((await storage.getContent(b)).size).toBe(10_000)
  })

  test('a stream that pauses for too long is E_TIMEOUT', async () => {
    await using opened = await openFresh(name, { ...SMALL, streamPauseMs: 150, chunkGraceMs: 1 })
    const { storage } = opened
    const pausing = async function* () {
      yield* noise(10_000)
      await sleep(300)
      await eventually(async () => (await opened.count('body')) === 0, otherWrite(opened))
      yield* noise(10_000)
    }
    const error = await errorOf(storage.putContent(storage.info('c', 'r'), pausing()))
    expect(error.code).toBe('E_TIMEOUT')
    expect(await opened.count('chunk')).toBe(0)
  })

  test.each(['body', 'chunk'])('the source is closed where no %s can be stored', async (table) => {
    await using opened = await openFresh(name, SMALL)
    const { storage } = opened
    await storage.createContainer('c')
    if (table === 'body') await opened.query('ALTER TABLE larder_body RENAME TO gone')
    else await opened.query('ALTER TABLE larder_chunk RENAME TO gone')
    let closed = false
    const source = async function* () {
      try {
        for (;;) yield Buffer.alloc(3_000)
      } finally {
        closed = true
      }
    }
    await errorOf(storage.putContent(storage.info('c', 'r'), source()))
    expect.assert(closed)
  })

  test('a stream is not read where the condition does not hold', async () => {
    await using opened = await openFresh(name, SMALL)
    const { storage } = opened
    const info = storage.info('c', 'r')
    await storage.putContent(info, 'x')
    let begun = false
    const source = async function* () {
      begun = true
      yield* noise(10_000)
    }
    for (const conditions of [{ ifNoneMatch: '*' as const }, { ifMatch: '"7"' }]) {
      const error = await errorOf(storage.putContent(info, source(), conditions))
      expect(error.code).toBe('E_PRECONDITION_FAILED')
    }
    expect(begun).toBe(false)
    await storage.putContent(info, source(), { ifMatch: '"1"' })
  })

  test('metadata over its limit is E_TOO_LARGE', async () => {
    await using opened = await openFresh(name, { metadataMaxBytes: 1_000 })
    const { storage } = opened
    const info = storage.info('c', 'r')
    for (const metadata of ['x'.repeat(1_001), noise(1_001)]) {
      expect((await errorOf(storage.putMetaData(info, metadata))).code).toBe('E_TOO_LARGE')
    }
    await storage.putMetaData(info, noise(1_000))
  })
})

// Slow for all of them at once.
describe.concurrent.each(DATABASE_NAMES)('large contents on %s, in their own time', (name) => {
  test('a stream that never pauses for long may be slow', async () => {
    await using opened = await openFresh(name, { ...SMALL, streamPauseMs: 2_000, chunkGraceMs: 1 })
    const { storage } = opened
    const slow = async function* () {
      yield* noise(2_500)
      for (let i = 0; i < 5; i++) {
        await sleep(500)
        yield Buffer.alloc(1)
        // Whatever has expired is removed meanwhile.
        await storage.putContent(storage.info('c', 'other'), 'x')
      }
    }
    await storage.putContent(storage.info('c', 'r'), slow())
    expect((await storage.getContent(storage.info('c', 'r'))).size).toBe(2_505)
    // What came before it is kept as long.
    await storage.writeMany([
      { info: storage.info('c', 'before'), content: noise(10_000) },
      { info: storage.info('c', 'r'), content: slow() },
    ])
    expect((await storage.getContent(storage.info('c', 'before'))).size).toBe(10_000)
  })
})

describe('streams and shutdown', () => {
  test('a stream that is read on after the shutdown is E_CLOSED', async () => {
    await using opened = await openFresh('sqlite', SMALL)
    const storage = await SqlStorage.open({ url: opened.place.url, ...SMALL })
    await storage.putContent(storage.info('c', 'r'), 'x'.repeat(5_000))
    const stream = (await storage.openContent(storage.info('c', 'r'))).stream[Symbol.asyncIterator]()
    await stream.next()
    await storage.shutdown()
    expect((await errorOf(stream.next() as Promise<unknown>)).code).toBe('E_CLOSED')
  })
})

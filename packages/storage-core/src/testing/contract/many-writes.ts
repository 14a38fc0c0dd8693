import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import type { ResourceWrite, Storage } from '../../storage.js'
import {
  assertCode,
  assertContents,
  assertRefused,
  contentOf,
  metadataOf,
  namesOf,
  soon,
} from './assertions.js'
import { type ContractTest, group } from './harness.js'

export const manyWrites = group('writeMany', (test) => {
  const atomic: ContractTest = (name, body) =>
    test(name, async (fixture) => {
      if (fixture.supports.atomicMany) await body(fixture)
    })

  test('writeMany is refused where it would not be atomic', async ({ storage, supports, info }) => {
    if (supports.atomicMany) return
    let ended = 0
    const content = source(() => ended++)
    await assertCode(storage.writeMany([{ info: info(), content }]), 'E_UNSUPPORTED')
    assert.equal(ended, 0)
    assert.equal(await storage.exists(info()), false)
  })

  atomic('writes all, and answers in order', async ({ storage, supports, info, otherCollection }) => {
    const other = storage.info(otherCollection(), 'elsewhere')
    const old = await storage.putContent(info('old'), 'old')
    const results = await storage.writeMany([
      { info: info('z'), content: 'z' },
      { info: info('old'), content: 'new' },
      { info: other, metadata: 'told' },
      { info: info('a'), content: supports.streams ? source() : 'a stream' },
    ])
    assert.deepEqual(
      results.map(({ changed, created, emptied }) => [changed, created, emptied]),
      [
        [true, true, false],
        [true, false, false],
        [true, true, false],
        [true, true, false],
      ],
    )
    assert.ok((results[1]?.version ?? 0) > old.version)
    assert.equal((await storage.getContent(info('old'))).etag, results[1]?.etag)
    assert.equal((await storage.getMetaData(other)).version, results[2]?.version)
    const contents = await Promise.all(['z', 'old', 'a'].map((name) => contentOf(storage, info(name))))
    assert.deepEqual(contents, ['z', 'new', 'a stream'])
    assert.equal(await metadataOf(storage, other), 'told')
  })

  atomic('is listed in the order of the writes', async ({ storage, supports, collection, info }) => {
    const names = ['m', 'z', 'a', 'k']
    await storage.writeMany(names.map((name) => ({ info: info(name), content: name })))
    assert.deepEqual(await namesOf(storage, collection), [...names].sort())
    if (!supports.orderByModified) return
    const { entries } = await storage.page(collection, { order: 'oldest' })
    assert.deepEqual(
      entries.map((entry) => entry.info.resource),
      names,
    )
  })

  atomic('removes and writes in one step', async ({ storage, supports, collection, info }) => {
    await storage.putContent(info('gone'), 'x')
    await storage.putMetaData(info('half'), 'x')
    const results = await storage.writeMany([
      { info: info('gone'), content: null },
      { info: info('never'), content: null },
      supports.atomicParts
        ? { info: info('half'), content: 'y', metadata: null }
        : { info: info('half'), content: 'y' },
    ])
    assert.deepEqual(
      results.map(({ changed, created, emptied }) => [changed, created, emptied]),
      [
        [true, false, true],
        [false, false, false],
        [true, false, false],
      ],
    )
    assert.equal(results[1]?.version, 0)
    assert.deepEqual(await namesOf(storage, collection), ['half'])
    assert.equal(await contentOf(storage, info('half')), 'y')
    assert.equal(await metadataOf(storage, info('half')), supports.atomicParts ? undefined : 'x')
  })

  atomic('of nothing there is nothing to do', async ({ storage, collection, info }) => {
    assert.deepEqual(await storage.writeMany([]), [])
    const removal = ['a', 'b'].map((name) => ({ info: info(name), metadata: null }))
    const results = await storage.writeMany(removal)
    assert.deepEqual(
      results.map(({ changed }) => changed),
      [false, false],
    )
    assert.deepEqual(await namesOf(storage, collection), [])
  })

  atomic('one that is refused takes all with it', async (fixture) => {
    const { storage, collection, info } = fixture
    const old = await storage.putContent(info('b'), 'old')
    await storage.putContent(info('d'), 'stays')
    for (const place of [0, 1, 2, 3]) {
      const writes: ResourceWrite[] = [
        { info: info('a'), content: 'new' },
        { info: info('b'), content: 'new', ifMatch: old.etag },
        { info: info('d'), content: null },
      ]
      writes.splice(place, 0, { info: info('c'), content: 'new', ifMatch: '*' })
      await assertCode(storage.writeMany(writes), 'E_PRECONDITION_FAILED')
      await assertContents(storage, collection, { b: 'old', d: 'stays' })
    }
    const [, second] = await storage.writeMany([
      { info: info('a'), content: 'new', ifNoneMatch: '*' },
      { info: info('b'), content: 'new', ifMatch: old.etag },
    ])
    assert.ok((second?.version ?? 0) > old.version)
  })

  atomic('a source that breaks takes all with it', async (fixture) => {
    const { storage, collection, info } = fixture
    await storage.putContent(info('b'), 'old')
    const boom = new Error('the source broke')
    const broken = async function* () {
      yield Buffer.alloc(100_000)
      throw boom
    }
    let ended = 0
    const writes = [
      { info: info('a'), content: 'new' },
      { info: info('b'), content: broken() },
      { info: info('c'), content: source(() => ended++) },
    ]
    await assert.rejects(storage.writeMany(writes), boom)
    assert.equal(ended, 0, 'a source that nobody read was ended')
    await assertContents(storage, collection, { b: 'old' })
  })

  atomic('a Node stream that fails before its turn is a rejection', async (fixture) => {
    const { storage, collection, info } = fixture
    const boom = new Error('there is no such file')
    let go: () => void = () => undefined
    const failed = new Readable({ read: () => go() })
    const begun = new Promise<void>((resolve) => (go = resolve))
    const first = async function* () {
      go()
      await new Promise((resolve) => failed.once('close', resolve))
      yield Buffer.from('x')
    }
    const writing = storage.writeMany([
      { info: info('a'), content: first() },
      { info: info('b'), content: failed },
    ])
    let isHeard = false
    void begun.then(() => {
      // Without a listener the error would end the process.
      isHeard = failed.listenerCount('error') > 0
      failed.on('error', () => undefined).destroy(boom)
    })
    await assert.rejects(soon(writing, 'a write whose stream fails'), boom)
    assert.ok(isHeard, 'nobody listens to a stream that waits')
    await assertContents(storage, collection, {})
  })

  atomic('takes hundreds at once', async ({ storage, collection, info }) => {
    const names = Array.from({ length: 300 }, (_, i) => `r${1_000 + i}`)
    const results = await storage.writeMany(names.map((name) => ({ info: info(name), content: name })))
    assert.equal(results.filter(({ created }) => created).length, 300)
    assert.deepEqual(await namesOf(storage, collection), names)
    await storage.writeMany(names.slice(1).map((name) => ({ info: info(name), content: null })))
    assert.deepEqual(await namesOf(storage, collection), ['r1000'])
  })

  test('bad arguments are refused, and the streams beside them are not read', async (fixture) => {
    const { storage, collection, info } = fixture
    const refused: readonly [what: string, writes: unknown][] = [
      ['no array', undefined],
      ['no object', [null]],
      ['no info', [{ content: 'x' }]],
      ['a collection', [{ info: storage.info(collection), content: 'x' }]],
      ['nothing to do', [{ info: info() }]],
      ['no bytes', [{ info: info(), content: 7 }]],
      ['a condition on no part', [{ info: info(), content: 'x', ifNoneMatch: {} }]],
      ['a resource twice', [write(storage, info().collection), write(storage, info().collection)]],
    ]
    for (const [what, writes] of refused) {
      let ended = 0
      const first = { info: info('first'), content: source(() => ended++) }
      const given = Array.isArray(writes) ? [first, ...(writes as ResourceWrite[])] : writes
      await assertRefused(() => storage.writeMany(given as ResourceWrite[]), what)
      assert.equal(ended, 0, `${what}: the stream beside it`)
    }
    const typo = { sgnal: AbortSignal.timeout(1_000) } as object
    await assertRefused(() => storage.writeMany([write(storage, collection)], typo), 'an option with a typo')
    await assertContents(storage, collection, {})
  })
})

function write(storage: Storage, collection: string): ResourceWrite {
  return { info: storage.info(collection, 'twice'), content: 'x' }
}

/** A stream that tells when it is ended. */
function source(onEnd: () => void = () => undefined): AsyncIterable<Uint8Array> {
  const chunks = [Buffer.from('a '), Buffer.from('stream')]
  let isEnded = false
  const end = () => {
    if (!isEnded) onEnd()
    isEnded = true
    return { done: true as const, value: undefined }
  }
  const iterator = {
    next: async () => {
      const value = chunks.shift()
      return value === undefined ? end() : { done: false as const, value }
    },
    return: async () => end(),
    [Symbol.asyncIterator]: () => iterator,
  }
  return iterator
}

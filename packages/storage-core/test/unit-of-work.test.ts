import {
  isStorageError,
  MemoryStorage,
  UnitOfWork,
  type ResourceInfo,
  type Storage,
} from '@larder/storage-core'
import { FaultyStorage, ForwardingStorage, LimitedStorage } from '@larder/storage-core/testing'
import assert from 'node:assert/strict'
import { describe, test } from 'vitest'

class Persisting extends ForwardingStorage {
  readonly persisted: [names: (string | undefined)[], message: string | undefined][] = []

  override async persist(infos: readonly ResourceInfo[], message?: string) {
    this.persisted.push([infos.map(({ resource }) => resource), message])
  }
}

async function textOf(storage: Storage, name: string) {
  return (await storage.getContent(storage.info('c', name))).bytes.toString()
}

function said(storage: FaultyStorage) {
  return storage.calls.map(
    ({ method, infos }) => `${method} ${infos.map(({ resource }) => resource).join(' ')}`,
  )
}

describe('a unit of work', () => {
  test('sends nothing before its commit, and then all in order, and persists once a storage', async () => {
    const persisting = [new Persisting(new MemoryStorage()), new Persisting(new MemoryStorage())] as const
    const [one, two] = persisting.map((each) => new FaultyStorage(each)) as [FaultyStorage, FaultyStorage]
    for (const name of ['old', 'older']) {
      await one.put(one.info('c', name), { content: 'x', metadata: 'x' })
    }
    one.forgetCalls()
    const unit = new UnitOfWork()
    unit.put(one, one.info('c', 'a'), { content: 'content only' })
    unit.put(one, one.info('c', 'b'), { content: 'both', metadata: 'both' })
    unit.put(two, two.info('c', 'z'), { content: 'elsewhere' })
    unit.remove(one, one.info('c', 'old'), { parts: ['content'] })
    unit.remove(one, one.info('c', 'older'))
    assert.equal(unit.size, 5)
    assert.deepEqual([...said(one), ...said(two)], [])

    const steps = await unit.commit('a message')
    assert.deepEqual(said(one), [
      'remove older',
      'removeContent old',
      'put b',
      'put a',
      'persist a b old older',
    ])
    assert.deepEqual(
      steps.map(({ kind, info, parts }) => `${kind} ${info.resource} ${parts.join('+')}`),
      [
        'remove older content+metadata',
        'remove old content',
        'put b content+metadata',
        'put a content',
        'put z content',
      ],
    )
    assert.deepEqual(
      persisting.map((each) => each.persisted),
      [[[['a', 'b', 'old', 'older'], 'a message']], [[['z'], 'a message']]],
    )
    assert.equal(unit.size, 0)
    assert.equal(await textOf(one, 'b'), 'both')
    assert.deepEqual(await unit.commit(), [])
  })

  test('goes metadata first where a storage has no step for both', async () => {
    const storage = new FaultyStorage(new LimitedStorage(new MemoryStorage(), ['atomicParts']))
    const info = storage.info('c', 'r')
    const unit = new UnitOfWork()
    unit.put(storage, info, { content: 'content', metadata: 'metadata' }, { ifNoneMatch: '*' })
    assert.deepEqual(
      (await unit.commit()).map(({ parts }) => parts),
      [['metadata'], ['content']],
    )
    const [content, metadata] = [await storage.getContent(info), await storage.getMetaData(info)]
    unit.remove(storage, info, { ifMatch: { content: content.etag, metadata: metadata.etag } })
    assert.equal((await unit.commit()).length, 2)
    assert.equal(await storage.exists(info), false)
  })

  test('a commit that failed can be tried again, and repeats nothing', async () => {
    const storage = new FaultyStorage(new MemoryStorage())
    const unit = new UnitOfWork()
    let opened = 0
    unit.put(storage, storage.info('c', 'a'), { content: 'a' }, { ifNoneMatch: '*' })
    unit.put(storage, storage.info('c', 'b'), {
      content: async function* () {
        opened++
        yield Buffer.from('b')
      },
    })
    unit.put(storage, storage.info('c', 'd'), { content: 'd' })
    const failure = new Error('the disk is full')
    storage.failNextWrites(1, failure, { where: ({ infos }) => infos[0]?.resource === 'b', at: 'commit' })
    await assert.rejects(unit.commit(), failure)
    assert.equal(unit.size, 3)
    assert.equal(await textOf(storage, 'a'), 'a')
    assert.equal(await storage.exists(storage.info('c', 'd')), false)

    // Somebody else's, which a repetition would undo.
    await storage.putContent(storage.info('c', 'a'), 'changed')
    const steps = await unit.commit()
    assert.deepEqual(
      steps.map(({ info }) => info.resource),
      ['a', 'b', 'd'],
    )
    assert.equal(opened, 2)
    assert.equal(await textOf(storage, 'a'), 'changed')
    assert.equal(await textOf(storage, 'b'), 'b')
    assert.equal(unit.size, 0)
  })

  test('a persist that failed is all that is tried again', async () => {
    class FailsOnce extends ForwardingStorage {
      attempts = 0
      override async persist() {
        if (this.attempts++ === 0) throw new Error('the log is full')
      }
    }
    const failing = new FailsOnce(new MemoryStorage())
    const storage = new FaultyStorage(failing)
    const unit = new UnitOfWork()
    unit.put(storage, storage.info('c', 'a'), { content: 'a' })
    await assert.rejects(unit.commit(), { message: 'the log is full' })
    storage.forgetCalls()
    await unit.commit()
    assert.deepEqual(said(storage), ['persist a'])
    assert.equal(failing.attempts, 2)
  })

  test('of several calls about one part the last one counts', async () => {
    const storage = new FaultyStorage(new MemoryStorage())
    const info = storage.info('c', 'r')
    const unit = new UnitOfWork()
    unit.put(storage, info, { content: 'first', metadata: 'kept' })
    unit.remove(storage, info)
    unit.put(storage, info, { content: 'last' })
    assert.equal(unit.size, 1)
    await unit.commit()
    assert.equal(await textOf(storage, 'r'), 'last')
    assert.equal(await storage.exists(info, { part: 'metadata' }), false)
    assert.deepEqual(said(storage).slice(0, 3), ['removeMetaData r', 'put r', 'persist r'])
  })

  test('preconditions hold, and a queue can be given up', async () => {
    const storage = new MemoryStorage()
    const info = storage.info('c', 'r')
    await storage.put(info, { content: 'x', metadata: 'x' })
    const unit = new UnitOfWork()
    unit.put(storage, info, { content: 'y' }, { ifNoneMatch: '*' })
    await assert.rejects(unit.commit(), (error) => isStorageError(error, 'E_PRECONDITION_FAILED'))
    unit.clear()
    assert.equal(unit.size, 0)
    await unit.commit()
    assert.equal(await textOf(storage, 'r'), 'x')
  })

  test('what makes no sense is refused at the call', async () => {
    const storage = new FaultyStorage(new MemoryStorage())
    const info = storage.info('c', 'r')
    const unit = new UnitOfWork()
    const stream = (async function* () {
      yield Buffer.from('x')
    })()
    assert.throws(() => unit.put(storage, info, {}), TypeError)
    assert.throws(() => unit.put(storage, info, { content: stream as never }), TypeError)
    assert.throws(() => unit.put(storage, info, { content: 7 as never }), TypeError)
    assert.throws(() => unit.put(storage, storage.info('c'), { content: 'x' }), TypeError)
    assert.throws(() => unit.remove(storage, info, { parts: [] }), TypeError)
    assert.throws(() => unit.remove(storage, info, { parts: ['body' as never] }), TypeError)
    assert.equal(unit.size, 0)
    const gate = storage.pauseNextWrite()
    unit.put(storage, info, { content: 'x' })
    const committing = unit.commit()
    await gate.reached
    assert.throws(() => unit.put(storage, info, { content: 'y' }), TypeError)
    assert.throws(() => unit.clear(), TypeError)
    await assert.rejects(unit.commit(), TypeError)
    gate.open()
    await committing
  })
})

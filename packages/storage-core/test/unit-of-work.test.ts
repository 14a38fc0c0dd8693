import { MemoryStorage, UnitOfWork, type ResourceInfo, type Storage } from '@larder/storage-core'
import { FaultyStorage, ForwardingStorage, LimitedStorage } from '@larder/storage-core/testing'
import { describe, expect, test } from 'vitest'

class Persisting extends ForwardingStorage {
  readonly persisted: [names: (string | undefined)[], message: string | undefined][] = []

  override async persist(infos: readonly ResourceInfo[], message?: string) {
    this.persisted.push([infos.map(({ resource }) => resource), message])
  }
}

/** A storage that writes one resource at a time. */
function oneByOne(storage: Storage = new MemoryStorage()): Storage {
  return new LimitedStorage(storage, ['atomicMany'])
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
    const persisting = [new Persisting(oneByOne()), new Persisting(oneByOne())] as const
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
    expect(unit.size).toBe(5)
    expect([...said(one), ...said(two)]).toEqual([])

    const steps = await unit.commit('a message')
    expect(said(one)).toEqual([
      'remove older',
      'removeContent old',
      'put b',
      'put a',
      'persist a b old older',
    ])
    expect(steps.map(({ kind, info, parts }) => `${kind} ${info.resource} ${parts.join('+')}`)).toEqual([
      'remove older content+metadata',
      'remove old content',
      'put b content+metadata',
      'put a content',
      'put z content',
    ])
    expect(persisting.map((each) => each.persisted)).toEqual([
      [[['a', 'b', 'old', 'older'], 'a message']],
      [[['z'], 'a message']],
    ])
    expect(unit.size).toBe(0)
    expect(await textOf(one, 'b')).toBe('both')
    expect(await unit.commit()).toEqual([])
  })

  test('writes metadata first where a storage cannot write both parts at once', async () => {
    const storage = new FaultyStorage(new LimitedStorage(new MemoryStorage(), ['atomicParts']))
    const info = storage.info('c', 'r')
    const unit = new UnitOfWork()
    unit.put(storage, info, { content: 'content', metadata: 'metadata' }, { ifNoneMatch: '*' })
    expect((await unit.commit()).map(({ parts }) => parts)).toEqual([['metadata'], ['content']])
    const [content, metadata] = [await storage.getContent(info), await storage.getMetaData(info)]
    unit.remove(storage, info, { ifMatch: { content: content.etag, metadata: metadata.etag } })
    expect((await unit.commit()).length).toBe(2)
    expect(await storage.exists(info)).toBe(false)
  })

  test('a commit that failed can be tried again, and repeats nothing', async () => {
    const storage = new FaultyStorage(oneByOne())
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
    await expect(unit.commit()).rejects.toBe(failure)
    expect(unit.size).toBe(3)
    expect(await textOf(storage, 'a')).toBe('a')
    expect(await storage.exists(storage.info('c', 'd'))).toBe(false)

    // Somebody else's, which a repetition would undo.
    await storage.putContent(storage.info('c', 'a'), 'changed')
    const steps = await unit.commit()
    expect(steps.map(({ info }) => info.resource)).toEqual(['a', 'b', 'd'])
    expect(opened).toBe(2)
    expect(await textOf(storage, 'a')).toBe('changed')
    expect(await textOf(storage, 'b')).toBe('b')
    expect(unit.size).toBe(0)
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
    await expect(unit.commit()).rejects.toMatchObject({ message: 'the log is full' })
    storage.forgetCalls()
    await unit.commit()
    expect(said(storage)).toEqual(['persist a'])
    expect(failing.attempts).toBe(2)
  })

  test('of several calls about one part the last one counts', async () => {
    const storage = new FaultyStorage(oneByOne())
    const info = storage.info('c', 'r')
    const unit = new UnitOfWork()
    unit.put(storage, info, { content: 'first', metadata: 'kept' })
    unit.remove(storage, info)
    unit.put(storage, info, { content: 'last' })
    expect(unit.size).toBe(1)
    await unit.commit()
    expect(await textOf(storage, 'r')).toBe('last')
    expect(await storage.exists(info, { part: 'metadata' })).toBe(false)
    expect(said(storage).slice(0, 3)).toEqual(['removeMetaData r', 'put r', 'persist r'])
  })

  test('preconditions hold, and a queue can be given up', async () => {
    const storage = new MemoryStorage()
    const info = storage.info('c', 'r')
    await storage.put(info, { content: 'x', metadata: 'x' })
    const unit = new UnitOfWork()
    unit.put(storage, info, { content: 'y' }, { ifNoneMatch: '*' })
    await expect(unit.commit()).rejects.toMatchObject({ code: 'E_PRECONDITION_FAILED' })
    unit.clear()
    expect(unit.size).toBe(0)
    await unit.commit()
    expect(await textOf(storage, 'r')).toBe('x')
  })

  test('an invalid call is refused at once', async () => {
    const storage = new FaultyStorage(new MemoryStorage())
    const info = storage.info('c', 'r')
    const unit = new UnitOfWork()
    const stream = (async function* () {
      yield Buffer.from('x')
    })()
    expect(() => unit.put(storage, info, {})).toThrow(TypeError)
    expect(() => unit.put(storage, info, { content: stream as never })).toThrow(TypeError)
    expect(() => unit.put(storage, info, { content: 7 as never })).toThrow(TypeError)
    expect(() => unit.put(storage, storage.info('c'), { content: 'x' })).toThrow(TypeError)
    expect(() => unit.remove(storage, info, { parts: [] })).toThrow(TypeError)
    expect(() => unit.remove(storage, info, { parts: ['body' as never] })).toThrow(TypeError)
    expect(unit.size).toBe(0)
    const gate = storage.pauseNextWrite()
    unit.put(storage, info, { content: 'x' })
    const committing = unit.commit()
    await gate.reached
    expect(() => unit.put(storage, info, { content: 'y' })).toThrow(TypeError)
    expect(() => unit.clear()).toThrow(TypeError)
    await expect(unit.commit()).rejects.toThrow(TypeError)
    gate.open()
    await committing
  })
})

describe('a unit of work on a storage that writes several at once', () => {
  test('is one transaction, in amplee’s order, and persists once', async () => {
    const persisting = new Persisting(new MemoryStorage())
    const storage = new FaultyStorage(persisting)
    await storage.put(storage.info('c', 'old'), { content: 'x', metadata: 'x' })
    storage.forgetCalls()
    const unit = new UnitOfWork()
    unit.put(storage, storage.info('c', 'content'), { content: 'a' })
    unit.put(storage, storage.info('c', 'metadata'), { metadata: 'b' })
    unit.remove(storage, storage.info('c', 'old'))
    const steps = await unit.commit('a message')
    expect(said(storage)).toEqual(['writeMany old metadata content', 'persist content metadata old'])
    expect(persisting.persisted).toEqual([[['content', 'metadata', 'old'], 'a message']])
    expect(
      steps.map(({ kind, info, result }) => [kind, info.resource, result.created, result.emptied]),
    ).toEqual([
      ['remove', 'old', false, true],
      ['put', 'metadata', true, false],
      ['put', 'content', true, false],
    ])
    expect(unit.size).toBe(0)
  })

  test('a commit that fails leaves nothing, and can be tried again', async () => {
    const storage = new FaultyStorage(new MemoryStorage())
    const unit = new UnitOfWork()
    let opened = 0
    const closed: string[] = []
    const stream = (text: string) =>
      async function* () {
        opened++
        try {
          yield Buffer.from(text)
        } finally {
          closed.push(text)
        }
      }
    unit.put(storage, storage.info('c', 'a'), { content: 'a' }, { ifNoneMatch: '*' })
    unit.put(storage, storage.info('c', 'b'), { content: stream('b') })
    unit.remove(storage, storage.info('c', 'd'))
    const failure = new Error('the disk is full')
    storage.failNextWrites(1, failure, { at: 'commit' })
    await expect(unit.commit()).rejects.toBe(failure)
    expect([...(await storage.ls('c')).keys()]).toEqual([])
    expect(unit.size).toBe(3)
    const steps = await unit.commit()
    expect(steps.map(({ info, result }) => [info.resource, result.changed])).toEqual([
      ['d', false],
      ['a', true],
      ['b', true],
    ])
    expect([opened, closed]).toEqual([2, ['b', 'b']])
  })

  test('one refusal takes all with it', async () => {
    const storage = new MemoryStorage()
    await storage.putContent(storage.info('c', 'taken'), 'x')
    const unit = new UnitOfWork()
    unit.put(storage, storage.info('c', 'a'), { content: 'a' })
    unit.put(storage, storage.info('c', 'taken'), { content: 'y' }, { ifNoneMatch: '*' })
    await expect(unit.commit()).rejects.toMatchObject({ code: 'E_PRECONDITION_FAILED' })
    expect([...(await storage.ls('c')).keys()]).toEqual(['taken'])
    expect(await textOf(storage, 'taken')).toBe('x')
  })

  test('several calls about one resource are one write, with the conditions and hooks of all', async () => {
    const storage = new FaultyStorage(new MemoryStorage())
    const info = storage.info('c', 'r')
    const { etag } = await storage.putMetaData(info, 'old')
    storage.forgetCalls()
    const told: string[] = []
    const hook = (name: string) => ({
      transaction: {
        journal: [name],
        async beforeCommit() {
          told.push(name)
        },
      },
    })
    const unit = new UnitOfWork()
    unit.remove(storage, info, { parts: ['metadata'], ifMatch: etag, ...hook('removal') })
    unit.put(storage, info, { content: 'new' }, { ifNoneMatch: '*', ...hook('put') })
    const steps = await unit.commit()
    expect(said(storage)).toEqual(['writeMany r', 'persist r'])
    expect(told).toEqual(['removal', 'put'])
    expect(steps.map(({ kind, parts, result }) => [kind, parts, result.version])).toEqual([
      ['remove', ['metadata'], steps[0]?.result.version],
      ['put', ['content'], steps[0]?.result.version],
    ])
    expect(await storage.exists(info, { part: 'metadata' })).toBe(false)
    const keys: (readonly string[])[] = []
    await storage.claim({ olderThanMs: 0 }, async (rows) => {
      keys.push(...rows.map((row) => row.keys))
      return []
    })
    expect(keys).toEqual([['removal', 'put']])
    // Both conditions were asked for: neither holds any more.
    unit.remove(storage, info, { parts: ['metadata'] })
    unit.put(storage, info, { content: 'newer' }, { ifMatch: { metadata: '*' } })
    await expect(unit.commit()).rejects.toMatchObject({ code: 'E_PRECONDITION_FAILED' })
  })

  test('contradictory conditions are refused before any I/O', async () => {
    const storage = new FaultyStorage(new MemoryStorage())
    const info = storage.info('c', 'r')
    const attempt = async (one: string, other: string) => {
      const unit = new UnitOfWork()
      unit.remove(storage, info, { parts: ['content'], ifMatch: { metadata: one } })
      unit.put(storage, info, { metadata: 'x' }, { ifMatch: other })
      await unit.commit()
    }
    await expect(attempt('"1"', '"2"')).rejects.toThrow(TypeError)
    expect(said(storage)).toEqual([])
    const { etag } = await storage.putMetaData(info, 'x')
    await attempt('*', etag)
    await expect(attempt(etag, '*')).rejects.toMatchObject({ code: 'E_PRECONDITION_FAILED' })
    const { etag: second } = await storage.getMetaData(info)
    await attempt(second, second)
  })

  test('the earliest instant of all hooks of a resource counts', async () => {
    const storage = new MemoryStorage()
    const info = storage.info('c', 'r')
    const until = (commitBefore: number) => ({
      transaction: { beforeCommit: async () => ({ commitBefore }) },
    })
    const unit = new UnitOfWork()
    unit.put(storage, info, { content: 'x' }, until(performance.now() - 1))
    unit.put(storage, info, { metadata: 'x' }, until(Infinity))
    await expect(unit.commit()).rejects.toMatchObject({ code: 'E_TIMEOUT' })
    expect(await storage.exists(info)).toBe(false)
  })

  test('resources of the same key stay apart', async () => {
    const storage = new MemoryStorage({ keyGenerator: () => 'one for all' })
    const unit = new UnitOfWork()
    for (const name of ['a', 'b']) unit.put(storage, storage.info('c', name), { content: name })
    await unit.commit()
    expect([await textOf(storage, 'a'), await textOf(storage, 'b')]).toEqual(['a', 'b'])
  })

  test('a source is opened when it is its turn, and one that gives nothing is refused', async () => {
    const storage = new MemoryStorage()
    const unit = new UnitOfWork()
    let open = 0
    let most = 0
    for (let i = 0; i < 20; i++) {
      const content = async function* () {
        most = Math.max(most, ++open)
        yield Buffer.from('x')
        open--
      }
      unit.put(storage, storage.info('c', `r${i}`), { content })
    }
    await unit.commit()
    expect(most).toBe(1)
    for (const name of ['r0', 'r1']) {
      unit.put(storage, storage.info('c', name), { content: (() => undefined) as never })
    }
    await expect(unit.commit()).rejects.toThrow(TypeError)
    expect(await textOf(storage, 'r0')).toBe('x')
  })

  test('thousands are queued in no time', async () => {
    const storage = new MemoryStorage()
    const unit = new UnitOfWork()
    const infos = Array.from({ length: 20_000 }, (_, i) => storage.info('c', `r${i}`))
    const begun = performance.now()
    for (const info of infos) unit.put(storage, info, { content: 'first' })
    for (const info of infos) unit.put(storage, info, { content: 'x' })
    expect(unit.size).toBe(20_000)
    // It took minutes when each call looked at all that was queued before.
    expect(performance.now() - begun).toBeLessThan(60_000)
    expect((await unit.commit()).length).toBe(20_000)
  })

  test('works on a storage that writes several resources, but one part at a time', async () => {
    const storage = new LimitedStorage(new MemoryStorage(), ['atomicParts'])
    const unit = new UnitOfWork()
    unit.put(storage, storage.info('c', 'a'), { content: 'a', metadata: 'a' })
    unit.put(storage, storage.info('c', 'b'), { content: 'b' })
    await unit.commit()
    expect([await textOf(storage, 'a'), await textOf(storage, 'b')]).toEqual(['a', 'b'])
  })
})

describe('conditions of a unit of work', () => {
  test('on a part that is not written are kept, alone and beside others', async () => {
    for (const others of [0, 1]) {
      for (const storage of [new MemoryStorage(), oneByOne()]) {
        const info = storage.info('c', 'r')
        await storage.put(info, { content: 'x', metadata: 'x' })
        const unit = new UnitOfWork()
        unit.put(storage, info, { metadata: 'y' }, { ifMatch: { content: '"stale"' } })
        for (let i = 0; i < others; i++) unit.put(storage, storage.info('c', 'other'), { content: 'y' })
        await expect(unit.commit()).rejects.toMatchObject({ code: 'E_PRECONDITION_FAILED' })
        expect((await storage.getMetaData(info)).bytes.toString()).toBe('x')
      }
    }
  })

  test('are dropped with the queued write that a later call replaces', async () => {
    const storage = new MemoryStorage()
    const info = storage.info('c', 'r')
    await storage.putContent(info, 'x')
    const unit = new UnitOfWork()
    unit.put(storage, info, { content: 'y', metadata: 'y' }, { ifNoneMatch: '*' })
    unit.put(storage, info, { content: 'z' }, { ifMatch: '*' })
    await unit.commit()
    expect(await textOf(storage, 'r')).toBe('z')
  })

  test('a signal is for the commit', () => {
    const storage = new MemoryStorage()
    const options = { signal: AbortSignal.timeout(1_000) } as object
    expect(() => new UnitOfWork().put(storage, storage.info('c', 'r'), { content: 'x' }, options)).toThrow(
      TypeError,
    )
  })
})

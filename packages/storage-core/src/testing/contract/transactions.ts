import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import type { WriteOptions } from '../../storage.js'
import type { PendingWrite } from '../../transaction.js'
import {
  assertCode,
  assertRefused,
  awaitedLater,
  contentOf,
  metadataOf,
  namesOf,
  soon,
  turns,
} from './assertions.js'
import { type ContractTest, group } from './harness.js'

export const transactions = group('transactions', (test) => {
  const transactional: ContractTest = (name, body) =>
    test(name, async (fixture) => {
      if (fixture.supports.transactions) await body(fixture)
    })

  test('a storage without transactions refuses a hook and does not run it', async ({
    storage,
    supports,
    info,
  }) => {
    if (supports.transactions) return
    let ran = 0
    const options = recording(() => ran++)
    await assertCode(storage.putContent(info(), 'x', options), 'E_UNSUPPORTED')
    await assertCode(storage.putMetaData(info(), 'x', options), 'E_UNSUPPORTED')
    await assertCode(storage.put(info(), { content: 'x' }, options), 'E_UNSUPPORTED')
    await assertCode(storage.removeContent(info(), options), 'E_UNSUPPORTED')
    assert.equal(ran, 0)
    assert.equal(await storage.exists(info()), false)
  })

  transactional(
    'the hook is told what is about to happen',
    async ({ storage, supports, collection, info }) => {
      const told: PendingWrite[] = []
      const options = recording((pending) => told.push(pending))
      const results = [
        await storage.putContent(info(), 'x', options),
        await storage.putMetaData(info(), 'x', options),
      ]
      results.push(
        await storage.removeContent(info(), options),
        await storage.removeMetaData(info(), options),
      )
      const expected: unknown[] = [
        [['content'], [], true, false],
        [['metadata'], [], false, false],
        [[], ['content'], false, false],
        [[], ['metadata'], false, true],
      ]
      if (supports.atomicParts) {
        results.push(await storage.put(info(), { content: 'x', metadata: 'x' }, options))
        results.push(await storage.removeMetaData(info(), options), await storage.remove(info(), options))
        expected.push([['content', 'metadata'], [], true, false])
        expected.push([[], ['metadata'], false, false], [[], ['content'], false, true])
      }
      assert.deepEqual(
        told.map(({ written, removed, created, emptied }) => [written, removed, created, emptied]),
        expected,
      )
      assert.deepEqual(
        told.map((pending) => pending.version),
        results.map((result) => result.version),
      )
      for (const [i, { info: at }] of told.entries()) {
        assert.deepEqual([at.collection, at.resource, at.key], [collection, 'resource', info().key])
        assert.deepEqual([results[i]?.created, results[i]?.emptied], [told[i]?.created, told[i]?.emptied])
      }
    },
  )

  transactional('it does not run where nothing changes', async ({ storage, supports, info }) => {
    let ran = 0
    const options = recording(() => ran++)
    await storage.removeContent(info(), options)
    if (supports.atomicParts) await storage.remove(info(), options)
    await assertCode(storage.putContent(info(), 'x', { ...options, ifMatch: '*' }), 'E_PRECONDITION_FAILED')
    await storage.putContent(info(), 'x')
    await storage.removeMetaData(info(), options)
    await assertCode(
      storage.putContent(info(), 'x', { ...options, ifNoneMatch: '*' }),
      'E_PRECONDITION_FAILED',
    )
    const boom = new Error('the source broke')
    await assert.rejects(storage.putContent(info(), broken(boom), options), boom)
    assert.equal(ran, 0)
  })

  transactional('nothing is seen before the commit', async ({ storage, reopen, info }) => {
    const reader = (await reopen?.()) ?? storage
    await storage.putContent(info(), 'old')
    let reach: () => void = () => undefined
    let commit: () => void = () => undefined
    const reached = new Promise<void>((resolve) => (reach = resolve))
    const committed = new Promise<void>((resolve) => (commit = resolve))
    const beforeCommit = () => {
      reach()
      return committed
    }
    const writing = awaitedLater(storage.putContent(info(), 'new', { transaction: { beforeCommit } }))
    try {
      await Promise.race([reached, writing])
      assert.equal(await soon(contentOf(reader, info()), 'a read during a transaction'), 'old')
    } finally {
      commit()
    }
    await writing
    assert.equal(await contentOf(reader, info()), 'new')
  })

  transactional('a hook that calls its own storage is told so', async ({ storage, collection, info }) => {
    await storage.putContent(info(), 'old')
    const calls = [
      () => storage.getContent(info('other')),
      () => storage.exists(info('other')),
      () => storage.putContent(info('other'), 'x'),
      () => storage.removeContent(info()),
      () => storage.page(collection),
      () => storage.ls(collection),
    ]
    for (const call of calls) {
      const beforeCommit = async () => void (await call())
      const writing = storage.putContent(info(), 'new', { transaction: { beforeCommit } })
      await assertCode(soon(writing, 'a write whose hook calls its storage'), 'E_UNSUPPORTED')
    }
    assert.equal(await contentOf(storage, info()), 'old')
    await storage.putContent(info('other'), 'x')
  })

  transactional('a hook that rejects leaves nothing', async ({ storage, collection, info }) => {
    const boom = new Error('the hook said no')
    const options = recording(() => Promise.reject(boom))
    await assert.rejects(storage.putContent(info(), 'x', options), boom)
    assert.equal(await storage.exists(info()), false)
    assert.deepEqual(await namesOf(storage, collection), [])
    const old = await storage.putContent(info(), 'old')
    await assert.rejects(storage.putContent(info(), 'new', options), boom)
    await assert.rejects(storage.putMetaData(info(), 'new', options), boom)
    await assert.rejects(storage.removeContent(info(), options), boom)
    const read = await storage.getContent(info())
    assert.equal(Buffer.from(read.bytes).toString(), 'old')
    assert.equal(read.version, old.version)
    assert.equal(await metadataOf(storage, info()), undefined)
    assert.equal((await storage.page(collection)).entries[0]?.version, old.version)
    const next = await soon(
      storage.putContent(info(), 'next', { ifMatch: old.etag }),
      'a write after a rollback',
    )
    assert.ok(next.version > old.version)
  })

  transactional('a hook that throws is one that rejects', async ({ storage, info }) => {
    const boom = new Error('the hook threw')
    const beforeCommit = () => {
      throw boom
    }
    await assert.rejects(storage.putContent(info(), 'x', { transaction: { beforeCommit } }), boom)
    assert.equal(await storage.exists(info()), false)
    await soon(storage.putContent(info(), 'x'), 'a write after a rollback')
  })

  transactional('a commit past its instant is rolled back', async ({ storage, info }) => {
    await storage.putContent(info(), 'old')
    const late = recording(() => ({ commitBefore: performance.now() - 1 }))
    await assertCode(storage.putContent(info(), 'late', late), 'E_TIMEOUT')
    await assertCode(storage.removeContent(info(), late), 'E_TIMEOUT')
    assert.equal(await contentOf(storage, info()), 'old')
    const inTime = recording(() => ({ commitBefore: performance.now() + 60_000 }))
    await storage.putContent(info(), 'in time', inTime)
    await storage.putMetaData(
      info(),
      'no terms',
      recording(() => ({})),
    )
    assert.equal(await contentOf(storage, info()), 'in time')
  })

  transactional('writers of a resource enter one after the other', async ({ storage, info }) => {
    const told: number[] = []
    let inside = 0
    const options = recording(async ({ version }) => {
      assert.equal(++inside, 1, 'two writers hold the same row')
      told.push(version)
      await turns(2)
      inside--
    })
    const puts = Array.from({ length: 6 }, (_, i) => storage.putContent(info(), `writer ${i}`, options))
    await Promise.all([...puts, storage.putMetaData(info(), 'metadata', options)])
    assert.deepEqual(
      told,
      [...told].sort((a, b) => a - b),
    )
    const content = await storage.getContent(info())
    const metadata = await storage.getMetaData(info())
    assert.equal(Math.max(content.version, metadata.version), told.at(-1))
  })

  transactional('an abort inside the hook rolls back', async ({ storage, info }) => {
    await storage.putContent(info(), 'old')
    const abort = new AbortController()
    const transaction = { beforeCommit: async () => abort.abort() }
    await assertCode(storage.putContent(info(), 'new', { transaction, signal: abort.signal }), 'E_ABORTED')
    assert.equal(await contentOf(storage, info()), 'old')
    await soon(storage.putContent(info(), 'next'), 'a write after a rollback')
  })

  transactional('what is no hook is refused', async ({ storage, info }) => {
    for (const transaction of [
      null,
      {},
      'hook',
      { beforeCommit: 'x' },
    ] as unknown as WriteOptions['transaction'][]) {
      await assertRefused(
        () => storage.putContent(info(), 'x', { transaction }),
        `a hook of ${inspect(transaction)}`,
      )
    }
    assert.equal(await storage.exists(info()), false)
  })
})

function recording(record: (pending: PendingWrite) => unknown): Pick<WriteOptions, 'transaction'> {
  return { transaction: { beforeCommit: async (pending) => asTerms(await record(pending)) } }
}

function asTerms(value: unknown): { commitBefore?: number } | undefined {
  return typeof value === 'object' && value !== null ? value : undefined
}

async function* broken(error: Error): AsyncGenerator<Uint8Array> {
  yield Buffer.from('half of it')
  throw error
}

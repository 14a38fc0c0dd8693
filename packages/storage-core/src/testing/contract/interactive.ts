import assert from 'node:assert/strict'
import type { Storage, StorageTransaction } from '../../storage.js'
import {
  assertCode,
  assertContents,
  assertRefused,
  contentOf,
  metadataOf,
  namesOf,
  soon,
  textOf,
} from './assertions.js'
import { type ContractTest, type Fixture, group } from './harness.js'

export const interactive = group('transaction', (test) => {
  const transactional: ContractTest = (name, body) =>
    test(name, async (fixture) => {
      if (fixture.supports.interactiveTransactions) await body(fixture)
    })

  test('a storage without transactions refuses transaction()', async ({ storage, supports }) => {
    if (supports.interactiveTransactions) return
    let ran = false
    await assertCode(
      storage.transaction(async () => (ran = true)),
      'E_UNSUPPORTED',
    )
    assert.equal(ran, false)
  })

  transactional('all that it writes is committed together', async (fixture) => {
    const { storage, collection, info, otherCollection } = fixture
    const other = storage.info(otherCollection(), 'elsewhere')
    await storage.putContent(info('old'), 'old')
    await storage.putContent(info('gone'), 'gone')
    const { value, cacheInvalidated } = await storage.transaction(async (tx) => {
      await tx.putContent(info('new'), 'new')
      await tx.put(info('old'), { content: 'changed', metadata: 'told' })
      await tx.removeContent(info('gone'))
      await tx.writeMany([
        { info: info('third'), content: 'third' },
        { info: other, content: 'there' },
      ])
      await assertContents(await outside(fixture), collection, { gone: 'gone', old: 'old' })
      return 'done'
    })
    assert.deepEqual([value, cacheInvalidated], ['done', true])
    await assertContents(storage, collection, { new: 'new', old: 'changed', third: 'third' })
    assert.equal(await metadataOf(storage, info('old')), 'told')
    assert.equal(await contentOf(storage, other), 'there')
  })

  transactional('nothing of it stays where the work rejects', async (fixture) => {
    const { storage, collection, info } = fixture
    await storage.putContent(info('old'), 'old')
    const boom = new Error('the work failed')
    const failing = storage.transaction(async (tx) => {
      await tx.putContent(info('new'), 'new')
      await tx.putContent(info('old'), 'changed')
      await tx.removeContent(info('old'))
      throw boom
    })
    await assert.rejects(failing, boom)
    await assertContents(storage, collection, { old: 'old' })
    await soon(storage.putContent(info('old'), 'next'), 'a write after a rollback')
  })

  transactional('reads in it see what it has written', async ({ storage, collection, info }) => {
    await storage.putContent(info('old'), 'old')
    await storage.getContent(info('old'))
    await storage.transaction(async (tx) => {
      const own = tx.info(collection, 'new')
      assert.equal(await tx.exists(own), false)
      const put = await tx.put(own, { content: 'new', metadata: 'about' })
      await tx.putContent(info('old'), 'changed')
      const read = await tx.getContent(own)
      assert.deepEqual([textOf(read), read.etag], ['new', put.etag])
      assert.equal(textOf(await tx.getMetaData(own)), 'about')
      const chunks: Uint8Array[] = []
      for await (const chunk of (await tx.openContent(info('old'))).stream) chunks.push(chunk)
      assert.equal(Buffer.concat(chunks).toString(), 'changed')
      assert.deepEqual(await namesOf(tx, collection), ['new', 'old'])
      const page = await tx.page(collection, { limit: 1 })
      assert.equal(page.entries[0]?.name, 'new')
      await tx.remove(info('old'))
      assert.equal(await tx.exists(info('old')), false)
      await assertCode(tx.getContent(info('old')), 'E_NOT_FOUND')
      assert.deepEqual(await namesOf(tx, collection), ['new'])
    })
    await assertContents(storage, collection, { new: 'new' })
  })

  transactional('what reads in it have seen is nobody else\u2019s answer', async (fixture) => {
    const { storage, collection, info } = fixture
    await storage.putContent(info('old'), 'old')
    const boom = new Error('rolled back')
    const reading = storage.transaction(async (tx) => {
      await tx.putContent(info('old'), 'never')
      await tx.putContent(info('new'), 'never')
      await tx.getMany([info('old'), info('new')])
      await tx.ls(collection)
      throw boom
    })
    await assert.rejects(reading, boom)
    await assertContents(storage, collection, { old: 'old' })
    await assertContents(await outside(fixture), collection, { old: 'old' })
  })

  transactional('a resource can be written more than once', async ({ storage, collection, info }) => {
    const first = await storage.putContent(info('b'), 'first')
    const { value } = await storage.transaction(async (tx) => {
      const second = await tx.putContent(info('b'), 'second', { ifMatch: first.etag })
      const third = await tx.putContent(info('b'), 'third', { ifMatch: second.etag })
      await tx.putMetaData(info('b'), 'about')
      await tx.putContent(info('a'), 'made')
      await tx.removeContent(info('a'))
      await tx.removeContent(info('b'))
      const last = await tx.putContent(info('b'), 'last')
      return [second, third, last]
    })
    const versions = [first, ...value].map(({ version }) => version)
    assert.deepEqual(
      versions,
      [...versions].sort((a, b) => a - b),
    )
    await assertContents(storage, collection, { b: 'last' })
    assert.equal((await storage.getContent(info('b'))).etag, value[2]?.etag)
    assert.equal(await metadataOf(storage, info('b')), 'about')
  })

  transactional('a precondition that fails can be caught', async ({ storage, collection, info }) => {
    await storage.putContent(info('there'), 'there')
    await storage.transaction(async (tx) => {
      await tx.putContent(info('a'), 'a')
      await assertCode(tx.putContent(info('there'), 'x', { ifNoneMatch: '*' }), 'E_PRECONDITION_FAILED')
      await assertCode(tx.getContent(info('missing')), 'E_NOT_FOUND')
      await assertRefused(() => tx.putContent(info('b'), 7 as unknown as string))
      await tx.putContent(info('c'), 'c')
    })
    await assertContents(storage, collection, { a: 'a', c: 'c', there: 'there' })
  })

  transactional('calls that were not awaited belong to it', async ({ storage, collection, info }) => {
    await storage.transaction(async (tx) => {
      for (const name of ['a', 'b', 'c']) void tx.putContent(info(name), name)
    })
    await assertContents(storage, collection, { a: 'a', b: 'b', c: 'c' })
    const failing = storage.transaction(async (tx) => {
      await tx.putContent(info('d'), 'd')
      tx.putContent(info('a'), 'x', { ifNoneMatch: '*' }).catch(() => undefined)
    })
    await assertCode(failing, 'E_PRECONDITION_FAILED')
    await assertContents(storage, collection, { a: 'a', b: 'b', c: 'c' })
  })

  transactional('calls after its end are refused', async ({ storage, collection, info }) => {
    let late: StorageTransaction | undefined
    const keep = async (tx: StorageTransaction) => {
      late = tx
      await tx.putContent(info('a'), 'a')
    }
    const { value: outcome } = await storage.transaction(async (tx) => {
      await keep(tx)
      return { outcome: tx.outcome }
    })
    assert.deepEqual(await outcome.outcome, { status: 'committed', cacheInvalidated: true })
    for (const call of lateCalls(late, info('a'))) await assertCode(call(), 'E_CLOSED')
    const boom = new Error('rolled back')
    await assert.rejects(
      storage.transaction(async (tx) => {
        await keep(tx)
        throw boom
      }),
      boom,
    )
    assert.equal((await late?.outcome)?.status, 'rolled back')
    for (const call of lateCalls(late, info('a'))) await assertCode(call(), 'E_CLOSED')
    await assertContents(storage, collection, { a: 'a' })
  })

  transactional('an abort rolls back', async ({ storage, collection, info }) => {
    const abort = new AbortController()
    const aborted = storage.transaction(
      async (tx) => {
        await tx.putContent(info(), 'x')
        abort.abort()
        await new Promise(() => undefined)
      },
      { signal: abort.signal },
    )
    await assertCode(soon(aborted, 'an aborted transaction'), 'E_ABORTED')
    await assertContents(storage, collection, {})
    await soon(storage.putContent(info(), 'next'), 'a write after a rollback')
    const late = storage.transaction(async () => undefined, { signal: abort.signal })
    await assertCode(late, 'E_ABORTED')
  })

  transactional('one that takes too long is rolled back', async ({ storage, collection, info }) => {
    const hanging = storage.transaction(
      async (tx) => {
        await tx.putContent(info(), 'x')
        await new Promise(() => undefined)
      },
      { timeoutMs: 200 },
    )
    await assertCode(soon(hanging, 'a transaction that hangs'), 'E_TIMEOUT')
    await assertContents(storage, collection, {})
    await soon(storage.putContent(info(), 'next'), 'a write after a rollback')
  })

  transactional('a write on the storage itself is refused in it', async ({ storage, collection, info }) => {
    await storage.transaction(async (tx) => {
      await tx.putContent(info('a'), 'a')
      await assertCode(soon(storage.putContent(info('b'), 'b'), 'a write beside'), 'E_UNSUPPORTED')
      const many = storage.writeMany([{ info: info('a'), content: 'b' }])
      await assertCode(soon(many, 'writes beside'), 'E_UNSUPPORTED')
    })
    await storage.putContent(info('b'), 'after')
    await assertContents(storage, collection, { a: 'a', b: 'after' })
  })

  transactional('bad arguments are refused', async ({ storage, collection }) => {
    const work = async () => undefined
    await assertRefused(() => storage.transaction(undefined as unknown as typeof work), 'no work')
    for (const options of [{ attempts: 0 }, { attempts: 1.5 }, { timeoutMs: -1 }, { attmpts: 1 }])
      await assertRefused(() => storage.transaction(work, options), JSON.stringify(options))
    await assertRefused(async () => storage.within(7 as never), 'no manager')
    await storage.transaction(async (tx) => {
      await assertRefused(() => tx.journal([]), 'no keys')
      await assertRefused(async () => tx.enlist(undefined as unknown as object), 'no participant')
      await assertRefused(() => tx.invalidate({} as never), 'no cache')
      await assertRefused(async () => tx.within({}), 'another transaction')
    })
    await assertContents(storage, collection, {})
  })
})

/** Where another process stands. */
async function outside({ storage, reopen }: Fixture): Promise<Storage> {
  return reopen === undefined ? storage : reopen()
}

function lateCalls(tx: StorageTransaction | undefined, info: Parameters<Storage['exists']>[0]) {
  assert.ok(tx !== undefined)
  return [
    () => tx.putContent(info, 'late'),
    () => tx.getContent(info),
    () => tx.ls(info.collection),
    () => tx.exists(info),
    () => tx.transaction(async () => undefined),
    async () => tx.enlist({}),
  ]
}

import assert from 'node:assert/strict'
import type { Storage } from '../../storage.js'
import { assertCode, awaitedLater, contentOf, metadataOf, namesOf, soon, turns } from './assertions.js'
import { type ContractTest, type Fixture, group } from './harness.js'

/** Only for storages that can be opened twice. */
export const handles = group('second handle', (test) => {
  const shared = (name: string, body: (fixture: Fixture, second: Storage) => Promise<void>): void => {
    const run: Parameters<ContractTest>[1] = async (fixture) => {
      if (fixture.reopen !== undefined) await body(fixture, await fixture.reopen())
    }
    test(name, run)
  }

  shared('sees writes at once', async ({ storage, info }, second) => {
    for (let i = 0; i < 5; i++) {
      await storage.putContent(info(), `content ${i}`)
      assert.equal(await contentOf(second, info()), `content ${i}`)
      await second.putMetaData(info(), `metadata ${i}`)
      assert.equal(await metadataOf(storage, info()), `metadata ${i}`)
    }
  })

  shared('sees removals at once, and what comes after', async ({ storage, info }, second) => {
    for (let i = 0; i < 3; i++) {
      await storage.putContent(info(), `content ${i}`)
      assert.equal(await second.exists(info()), true)
      assert.equal(await contentOf(second, info()), `content ${i}`)
      await storage.removeContent(info())
      assert.equal(await second.exists(info()), false)
      await assertCode(second.getContent(info()), 'E_NOT_FOUND')
    }
  })

  shared('sees members come and go at once', async ({ storage, collection, info }, second) => {
    assert.deepEqual(await namesOf(second, collection), [])
    await storage.putContent(info('a'), 'x')
    assert.deepEqual(await namesOf(second, collection), ['a'])
    await second.putContent(info('b'), 'x')
    assert.deepEqual(await namesOf(storage, collection), ['a', 'b'])
    await second.removeContent(info('a'))
    assert.deepEqual(await namesOf(storage, collection), ['b'])
    assert.deepEqual(
      (await storage.page(collection)).entries.map((entry) => entry.name),
      ['b'],
    )
  })

  shared('takes tags of the other', async ({ storage, info }, second) => {
    const first = await storage.putContent(info(), 'first')
    const next = await second.putContent(info(), 'second', { ifMatch: first.etag })
    await assertCode(storage.putContent(info(), 'x', { ifMatch: first.etag }), 'E_PRECONDITION_FAILED')
    await storage.putContent(info(), 'third', { ifMatch: next.etag })
    assert.equal(await contentOf(second, info()), 'third')
  })

  shared('goes on when the other is closed', async ({ storage, collection, info }, second) => {
    await storage.putContent(info(), 'kept')
    await storage.shutdown()
    assert.equal(await contentOf(second, info()), 'kept')
    assert.deepEqual(await namesOf(second, collection), ['resource'])
    await second.putContent(info(), 'changed')
    assert.equal(await contentOf(second, info()), 'changed')
  })

  test('a durable storage keeps its resources after all handles are closed', async ({
    storage,
    supports,
    reopen,
    collection,
    info,
  }) => {
    if (!supports.durable || reopen === undefined) return
    const { version } = await storage.putContent(info(), 'kept')
    await storage.shutdown()
    const later = await reopen()
    assert.equal((await later.getContent(info())).version, version)
    assert.deepEqual(await namesOf(later, collection), ['resource'])
  })

  shared("its hook waits for the other's commit", async ({ storage, supports, info }, second) => {
    if (!supports.transactions) return
    await storage.putContent(info(), 'old')
    const steps: string[] = []
    let open: () => void = () => undefined
    const gate = new Promise<void>((resolve) => (open = resolve))
    let enter: () => void = () => undefined
    const entered = new Promise<void>((resolve) => (enter = resolve))
    const hook = {
      async beforeCommit() {
        enter()
        await gate
        steps.push('first')
      },
    }
    const first = awaitedLater(storage.putContent(info(), 'first', { transaction: hook }))
    await soon(entered, 'a hook')
    const nextHook = { beforeCommit: async () => void steps.push('second') }
    const next = awaitedLater(second.putContent(info(), 'second', { transaction: nextHook }))
    await turns()
    assert.deepEqual(steps, [])
    open()
    const [one, two] = await soon(Promise.all([first, next]), 'two writers of a resource')
    assert.deepEqual(steps, ['first', 'second'])
    assert.ok(two.version > one.version)
    assert.equal(await contentOf(storage, info()), 'second')
  })
})

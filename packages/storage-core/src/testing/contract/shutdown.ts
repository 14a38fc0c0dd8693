import assert from 'node:assert/strict'
import { assertCode, assertHasCode, contentOf, firstOf, soon, turns } from './assertions.js'
import { group } from './harness.js'

export const shutdown = group('shutdown', (test) => {
  test('every call after close() is E_CLOSED', async ({ storage, collection, info }) => {
    await storage.putContent(info(), 'x')
    await storage.shutdown()
    for (const call of [
      () => storage.createContainer(collection),
      () => storage.getContent(info()),
      () => storage.getMetaData(info()),
      () => storage.getMany([info()]),
      () => storage.getMany([]),
      () => storage.openContent(info()),
      () => storage.putContent(info(), 'x'),
      () => storage.putMetaData(info(), 'x'),
      () => storage.removeContent(info()),
      () => storage.removeMetaData(info()),
      () => storage.persist([info()]),
      () => storage.exists(info()),
      () => storage.ls(collection),
      () => firstOf(() => storage.ils(collection)),
      () => storage.page(collection),
      () => storage.acknowledge([]),
    ]) {
      await assertCode(Promise.resolve().then<unknown>(call), 'E_CLOSED')
    }
  })

  test('close() can be called again and concurrently', async ({ storage }) => {
    await Promise.all([storage.shutdown(), storage.shutdown()])
    await storage.shutdown()
  })

  test('await using closes the storage', async ({ storage, info }) => {
    {
      await using closing = storage
      await closing.putContent(info(), 'x')
    }
    await assertCode(storage.getContent(info()), 'E_CLOSED')
  })

  test('close() waits for calls in flight', async ({ storage, reopen, info }) => {
    const second = await reopen?.()
    let finish: () => void = () => undefined
    const finished = new Promise<void>((resolve) => (finish = resolve))
    let ask: () => void = () => undefined
    const asked = new Promise<void>((resolve) => (ask = resolve))
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('slow ')
      ask()
      await finished
      yield Buffer.from('source')
    }
    const writing = storage.putContent(info(), slow())
    await soon(asked, 'a source')
    let closed = false
    const closing = storage.shutdown().then(() => (closed = true))
    await turns()
    assert.equal(closed, false, 'closed in the middle of a write')
    await assertCode(storage.putContent(info(), 'late'), 'E_CLOSED')
    finish()
    assert.equal((await soon(writing, 'a write in flight')).changed, true)
    await soon(closing, 'the shutdown')
    if (second !== undefined) assert.equal(await contentOf(second, info()), 'slow source')
  })

  test('close() settles many calls in flight', async ({ storage, reopen, info }) => {
    const second = await reopen?.()
    const names = Array.from({ length: 20 }, (_, i) => `r${i}`)
    const writes = names.map((name) => storage.putContent(info(name), name))
    const outcomes = Promise.allSettled(writes)
    await soon(storage.shutdown(), 'the shutdown')
    const settled = await soon(outcomes, 'writes in flight at the shutdown')
    for (const outcome of settled) assert.equal(outcome.status, 'fulfilled')
    if (second === undefined) return
    for (const name of names) assert.equal(await contentOf(second, info(name)), name)
  })

  test('a loop over ils ends with E_CLOSED, or with its last member', async ({
    storage,
    collection,
    info,
  }) => {
    for (let i = 0; i < 5; i++) await storage.putContent(info(`r${i}`), 'x')
    const members = storage.ils(collection)[Symbol.asyncIterator]()
    await members.next()
    await soon(storage.shutdown(), 'a shutdown with an open loop')
    const rest = (async () => {
      while ((await members.next()).done !== true) continue
    })()
    const outcome = await soon(
      rest.then(
        () => 'done',
        (error: unknown) => error,
      ),
      'a loop of a closed storage',
    )
    if (outcome !== 'done') assertHasCode(outcome, 'E_CLOSED')
  })

  test('close() waits for transactions', async ({ storage, supports, info, reopen }) => {
    if (!supports.interactiveTransactions) return
    let open: () => void = () => undefined
    const opened = new Promise<void>((resolve) => (open = resolve))
    const running = storage.transaction(async (tx) => {
      await opened
      await tx.putContent(info(), 'x')
      await assertCode(tx.shutdown(), 'E_UNSUPPORTED')
      await tx.putMetaData(info(), 'y')
    })
    const closing = storage.shutdown()
    open()
    await soon(Promise.all([running, closing]), 'a shutdown behind a transaction')
    if (reopen !== undefined) assert.equal(await contentOf(await reopen(), info()), 'x')
    await assertCode(
      storage.transaction(async () => undefined),
      'E_CLOSED',
    )
  })
})

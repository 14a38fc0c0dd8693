import { defaultMaxListeners, getEventListeners } from 'node:events'
import assert from 'node:assert/strict'
import { isStorageError } from '../../errors.js'
import type { CallOptions } from '../../storage.js'
import { assertCode, awaitedLater, contentOf, firstOf, soon, turns } from './assertions.js'
import { group } from './harness.js'

export const aborts = group('abort signals', (test) => {
  test('a signal that has fired stops every call before it does anything', async ({
    storage,
    collection,
    info,
  }) => {
    await storage.putContent(info(), 'old')
    const reason = new Error('changed my mind')
    const options: CallOptions = { signal: AbortSignal.abort(reason) }
    for (const call of [
      () => storage.createContainer(`${collection}-new`, options),
      () => storage.getContent(info(), options),
      () => storage.getMetaData(info(), options),
      () => storage.getMany([info()], options),
      () => storage.openContent(info(), options),
      () => storage.putContent(info(), 'new', options),
      () => storage.putMetaData(info(), 'new', options),
      () => storage.removeContent(info(), options),
      () => storage.persist([info()], 'message', options),
      () => storage.exists(info(), options),
      () => storage.ls(collection, options),
      () => firstOf(() => storage.ils(collection, options)),
      () => storage.page(collection, options),
    ]) {
      await assert.rejects(call, (error: unknown) => {
        assert.ok(isStorageError(error, 'E_ABORTED'), `${String(call)} gave ${String(error)}`)
        assert.equal(error.cause, reason)
        return true
      })
    }
    assert.equal(await contentOf(storage, info()), 'old')
    assert.equal(await storage.exists(info(), { part: 'metadata' }), false)
    assert.equal(await storage.exists(storage.info(`${collection}-new`)), false)
  })

  test('a signal that fires later does no harm', async ({ storage, info }) => {
    const abort = new AbortController()
    await storage.putContent(info(), 'written', { signal: abort.signal })
    await storage.getContent(info(), { signal: abort.signal })
    abort.abort()
    await turns()
    assert.equal(await contentOf(storage, info()), 'written')
  })

  test('many calls that share a signal add few listeners to it and leave none', async ({ storage, info }) => {
    const { signal } = new AbortController()
    let most = 0
    const source = async function* () {
      for (let i = 0; i < 3; i++) {
        await turns()
        most = Math.max(most, getEventListeners(signal, 'abort').length)
        yield Buffer.from('streamed')
      }
    }
    const each = Array.from({ length: 4 * defaultMaxListeners }, (_, i) => i)
    const streams = each.map((i) => storage.putContent(info(`r${i}`), source(), { signal }))
    const queue = each.map(() => storage.putContent(info('one'), 'x', { signal }))
    const reads = each.map((i) => storage.getMany([info(`r${i}`)], { signal }))
    most = Math.max(most, getEventListeners(signal, 'abort').length)
    await Promise.all([...streams, ...queue, ...reads])
    // From one more on, Node warns of a leak.
    assert.ok(most <= defaultMaxListeners, `${most} listeners`)
    assert.equal(getEventListeners(signal, 'abort').length, 0)
  })

  test('a write that is aborted under way has happened completely or not at all', async ({
    storage,
    info,
  }) => {
    for (let attempt = 0; attempt < 12; attempt++) {
      const at = info(`r${attempt}`)
      await storage.putContent(at, 'old')
      const abort = new AbortController()
      const writing = storage.putContent(at, 'new', { signal: abort.signal })
      const outcome = writing.then(() => 'new', codeOf)
      await turns(attempt)
      abort.abort()
      const expected = await soon(outcome, 'an aborted write')
      assert.equal(await contentOf(storage, at), expected === 'E_ABORTED' ? 'old' : expected)
    }
  })

  test('a read that is aborted under way ends with its answer or with E_ABORTED', async ({
    storage,
    collection,
    info,
  }) => {
    await storage.putContent(info(), 'x')
    for (let attempt = 0; attempt < 6; attempt++) {
      const abort = new AbortController()
      const options = { signal: abort.signal }
      const reads = [
        storage.getContent(info(), options),
        storage.ls(collection, options),
        storage.page(collection, options),
      ]
      const outcomes = Promise.all(reads.map((read) => read.then(() => 'E_ABORTED', codeOf)))
      await turns(attempt)
      abort.abort()
      assert.deepEqual(await soon(outcomes, 'an aborted read'), ['E_ABORTED', 'E_ABORTED', 'E_ABORTED'])
    }
  })

  test('an aborted write stops waiting for a source that hangs', async ({ storage, info }) => {
    const abort = new AbortController()
    let asked: () => void = () => undefined
    const hanging = new Promise<void>((resolve) => (asked = resolve))
    let release: () => void = () => undefined
    const released = new Promise<void>((resolve) => (release = resolve))
    async function* source(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('half of it')
      asked()
      await released
    }
    const writing = storage.putContent(info(), source(), { signal: abort.signal })
    const refused = assertCode(writing, 'E_ABORTED')
    try {
      await soon(hanging, 'a source')
      abort.abort()
      await soon(refused, 'a write whose source hangs')
      assert.equal(await storage.exists(info()), false)
      await soon(storage.putContent(info(), 'next'), 'a write after one whose source hung')
    } finally {
      release()
    }
    await turns()
    assert.equal(await contentOf(storage, info()), 'next')
  })

  test('an aborted write that waits for another leaves the queue', async ({ storage, supports, info }) => {
    if (!supports.transactions) return
    let open: () => void = () => undefined
    const gate = new Promise<void>((resolve) => (open = resolve))
    let locked: () => void = () => undefined
    const inside = new Promise<void>((resolve) => (locked = resolve))
    const beforeCommit = () => {
      locked()
      return gate
    }
    const first = awaitedLater(storage.putContent(info(), 'first', { transaction: { beforeCommit } }))
    try {
      await soon(inside, 'a hook')
      const abort = new AbortController()
      const second = assertCode(storage.putContent(info(), 'second', { signal: abort.signal }), 'E_ABORTED')
      await turns()
      abort.abort()
      await soon(second, 'a write that waits for another')
    } finally {
      open()
    }
    await first
    assert.equal(await contentOf(storage, info()), 'first')
    await storage.putContent(info(), 'third')
    assert.equal(await contentOf(storage, info()), 'third')
  })
})

function codeOf(error: unknown): string {
  if (isStorageError(error)) return error.code
  throw error
}

import assert from 'node:assert/strict'
import { isStorageError } from '../../errors.js'
import { assertCode, soon, turns } from '../contract/assertions.js'
import { lockGroup, meanwhile, wait } from './harness.js'

export const waiting = lockGroup('waiting', (test) => {
  test('the signal of a lock fires as soon as the lock is released', async ({ lock, another, name }) => {
    const other = await another()
    const held = await lock.acquire(name)
    const waiting = meanwhile(other.acquire(name, { waitMs: 60_000 }))
    await turns()
    await held.release()
    const next = await soon(waiting, 'a lock that was released')
    await next.release()
  })

  test('the signal of a lock fires when its lease has passed', async ({ lock, another, name }) => {
    const other = await another()
    await lock.acquire(name)
    for (const each of [lock, other]) {
      const begun = performance.now()
      await assertCode(soon(each.acquire(name, { waitMs: 120 }), 'a bounded wait'), 'E_LOCK_TIMEOUT')
      assert.ok(performance.now() - begun >= 100, 'it was given up early')
    }
  })

  test('a lock is not reentrant', async ({ lock, name }) => {
    await lock.withLock(name, async () => {
      await assertCode(soon(lock.acquire(name, { waitMs: 10 }), 'waiting for oneself'), 'E_LOCK_TIMEOUT')
    })
  })

  test('callers of one client acquire a lock in the order of their calls', async ({ lock, name }) => {
    const held = await lock.acquire(name)
    const served: number[] = []
    const waiters = [1, 2, 3, 4, 5].map((number) =>
      meanwhile(lock.withLock(name, async () => void served.push(number), { waitMs: 20_000 })),
    )
    await turns()
    await held.release()
    await soon(Promise.all(waiters), 'those in line')
    assert.deepEqual(served, [1, 2, 3, 4, 5])
  })

  test('a signal that has fired stops acquire() before any I/O', async ({ lock, another, name }) => {
    const reason = new Error('changed my mind')
    await assert.rejects(lock.acquire(name, { signal: AbortSignal.abort(reason) }), (error: unknown) => {
      assert.ok(isStorageError(error, 'E_ABORTED'), String(error))
      assert.equal(error.cause, reason)
      return true
    })
    await (await another()).acquire(name, { waitMs: 0 })
  })

  test('a caller that gives up leaves the queue', async ({ lock, another, name }) => {
    const other = await another()
    const held = await lock.acquire(name)
    for (const each of [lock, other]) {
      const abort = new AbortController()
      const gone = meanwhile(
        assertCode(each.acquire(name, { waitMs: 60_000, signal: abort.signal }), 'E_ABORTED'),
      )
      await turns()
      abort.abort()
      await soon(gone, 'a wait that was given up')
    }
    await held.release()
    await (await other.acquire(name)).release()
    await (await lock.acquire(name)).release()
  })

  test('a caller that gives up at any moment leaves no lock behind', async ({ lock, another, name }) => {
    const other = await another()
    for (let attempt = 0; attempt < 12; attempt++) {
      const abort = new AbortController()
      const acquiring = lock.acquire(name, { signal: abort.signal, leaseMs: 60_000 })
      const outcome = meanwhile(
        acquiring.then(
          (held) => held.release(),
          (error: unknown) => assert.ok(isStorageError(error, 'E_ABORTED'), String(error)),
        ),
      )
      await turns(attempt)
      abort.abort()
      await soon(outcome, 'an acquire that was aborted')
      const next = await soon(other.acquire(name), 'the lock of one that gave up')
      assert.equal(await next.release(), true)
    }
  })

  test('a signal that fires later does no harm', async ({ lock, name }) => {
    const abort = new AbortController()
    const held = await lock.acquire(name, { signal: abort.signal })
    abort.abort()
    await turns()
    assert.equal(held.signal.aborted, false)
    assert.equal(await held.release(), true)
  })
})

export const closing = lockGroup('closing', (test) => {
  test('close() rejects waiters and releases held locks', async ({ lock, another, name }) => {
    const other = await another()
    const held = await lock.acquire(name, { leaseMs: 60_000 })
    const queued = meanwhile(assertCode(lock.acquire(name, { waitMs: 60_000 }), 'E_CLOSED'))
    const busy = await other.acquire(`${name} of another`)
    const asking = meanwhile(assertCode(lock.acquire(`${name} of another`, { waitMs: 60_000 }), 'E_CLOSED'))
    await turns()
    await soon(lock.close(), 'closing')
    await soon(Promise.all([queued, asking]), 'what waits while it is closed')
    assert.ok(isStorageError(held.signal.reason, 'E_CLOSED'), 'the holder was not told')
    assert.equal(held.remainingMs, 0)
    await assertCode(held.extend(), 'E_CLOSED')
    assert.equal(await held.release(), false)
    await other.acquire(name, { waitMs: 0 })
    assert.equal(await busy.release(), true)
  })

  test('calls after close() are refused, and a second close() does nothing', async ({ lock, name }) => {
    await lock.close()
    await lock.close()
    await assertCode(lock.acquire(name), 'E_CLOSED')
    await assertCode(
      lock.withLock(name, async () => assert.fail('it ran')),
      'E_CLOSED',
    )
  })

  test('close() at any moment leaves no lock behind', async ({ another, name }) => {
    const other = await another()
    for (let attempt = 0; attempt < 6; attempt++) {
      const short = await another()
      const acquiring = short.acquire(name, { leaseMs: 60_000 })
      const outcome = meanwhile(
        acquiring.then(
          (held) => held.signal,
          (error: unknown) => assert.ok(isStorageError(error, 'E_CLOSED'), String(error)),
        ),
      )
      await (attempt === 5 ? wait(20) : turns(attempt))
      await soon(short.close(), 'closing')
      await soon(outcome, 'an acquire that was cut off')
      const next = await soon(other.acquire(name), 'the lock of one that was closed')
      assert.equal(await next.release(), true)
    }
  })
})

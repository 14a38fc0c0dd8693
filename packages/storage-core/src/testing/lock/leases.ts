import assert from 'node:assert/strict'
import { isStorageError } from '../../errors.js'
import type { HeldLock } from '../../lock/index.js'
import { assertCode, soon } from '../contract/assertions.js'
import { fired, lockGroup, meanwhile, wait } from './harness.js'

export const leases = lockGroup('leases', (test) => {
  test('a lock that is not extended is lost and can be acquired by others', async ({
    lock,
    another,
    name,
  }) => {
    const other = await another()
    const held = await lock.acquire(name, { leaseMs: 150 })
    assert.ok(held.remainingMs <= 150)
    await fired(held.signal, 'the end of a lease')
    assert.ok(isStorageError(held.signal.reason, 'E_LOCK_LOST'), String(held.signal.reason))
    assert.equal(held.remainingMs, 0)
    await assertCode(held.extend(), 'E_LOCK_LOST')
    const next = await soon(other.acquire(name, { waitMs: 60_000 }), 'a lock whose lease has ended')
    assert.equal(await held.release(), false)
    await assertCode(lock.acquire(name, { waitMs: 0 }), 'E_LOCK_TIMEOUT')
    assert.equal(await next.release(), true)
  })

  test('a lock that is extended outlives its first lease', async ({ lock, another, name }) => {
    const other = await another()
    const held = await lock.acquire(name, { leaseMs: 2_000 })
    await held.extend(600_000)
    assert.ok(held.remainingMs > 300_000)
    await assertCode(other.acquire(name, { waitMs: 2_100 }), 'E_LOCK_TIMEOUT')
    assert.equal(held.signal.aborted, false)
    assert.equal(await held.release(), true)
  })

  test('a lease can be made shorter', async ({ lock, another, name }) => {
    const other = await another()
    const held = await lock.acquire(name, { leaseMs: 60_000 })
    await held.extend(100)
    await fired(held.signal, 'the end of a lease')
    await soon(other.acquire(name, { waitMs: 60_000 }), 'a lock whose lease has ended')
  })

  test('a released lock cannot be extended, and releasing it again leaves its next holder', async (fixture) => {
    const { lock, another, name } = fixture
    const other = await another()
    const held = await lock.acquire(name)
    assert.equal(await held.release(), true)
    assert.equal(await held.release(), true)
    assert.equal(held.remainingMs, 0)
    const next = await other.acquire(name)
    await assertCode(held.extend(), 'E_CLOSED')
    await held[Symbol.asyncDispose]()
    assert.equal(held.signal.aborted, false)
    await next.extend()
    await assertCode(lock.acquire(name, { waitMs: 0 }), 'E_LOCK_TIMEOUT')
  })

  test('a lock that the servers lost is lost to its holder, whose release leaves another holder', async (fixture) => {
    const { lock, another, forget, name } = fixture
    const other = await another()
    const held = await lock.acquire(name)
    await forget()
    const next = await soon(other.acquire(name), 'a lock that was forgotten')
    await assertCode(held.extend(), 'E_LOCK_LOST')
    assert.ok(isStorageError(held.signal.reason, 'E_LOCK_LOST'))
    assert.equal(await held.release(), false)
    await next.extend()
    await assertCode(lock.acquire(name, { waitMs: 0 }), 'E_LOCK_TIMEOUT')
    assert.equal(await next.release(), true)
  })

  test('release() resolves to false for a lock that was lost unnoticed', async ({
    lock,
    another,
    forget,
    name,
  }) => {
    const other = await another()
    const held = await lock.acquire(name)
    await forget()
    const next = await other.acquire(name)
    assert.equal(await held.release(), false)
    assert.equal(await next.release(), true)
  })

  test('the next waiter acquires a lost lock', async ({ lock, forget, name }) => {
    const held = await lock.acquire(name)
    const waiting = meanwhile(lock.acquire(name, { waitMs: 60_000 }))
    await forget()
    await assertCode(held.extend(), 'E_LOCK_LOST')
    const next = await soon(waiting, 'a lock that was forgotten')
    assert.equal(await next.release(), true)
  })
})

export const withLocks = lockGroup('withLock', (test) => {
  test('withLock returns the result of the work and releases the lock', async ({ lock, another, name }) => {
    const other = await another()
    const answer = await lock.withLock(name, async (held) => {
      await assertCode(other.acquire(name, { waitMs: 0 }), 'E_LOCK_TIMEOUT')
      return held.name
    })
    assert.equal(answer, name)
    await other.acquire(name, { waitMs: 0 })
  })

  test('withLock releases the lock when the work fails', async ({ lock, another, name }) => {
    const failure = new Error('the work failed')
    const failed = lock.withLock(name, () => {
      throw failure
    })
    await assert.rejects(failed, failure)
    await (await another()).acquire(name, { waitMs: 0 })
  })

  test('withLock extends the lock while the work runs', async ({ lock, another, name }) => {
    const other = await another()
    const work = async (held: HeldLock) => {
      for (let left = Infinity; held.remainingMs <= left && !held.signal.aborted; await wait(20)) {
        left = held.remainingMs
      }
      await assertCode(other.acquire(name, { waitMs: 0 }), 'E_LOCK_TIMEOUT')
      assert.equal(held.signal.aborted, false)
      return 'done'
    }
    assert.equal(await lock.withLock(name, work, { leaseMs: 3_000 }), 'done')
  })

  test('withLock aborts the work and rejects when the lock is lost', async ({
    lock,
    another,
    forget,
    name,
  }) => {
    const other = await another()
    const working = lock.withLock(
      name,
      async (held) => {
        await forget()
        // So that no extension can pass for a new beginning.
        await other.acquire(name)
        await fired(held.signal, 'the loss of a lock')
      },
      { leaseMs: 600 },
    )
    await assertCode(soon(working, 'work whose lock was lost'), 'E_LOCK_LOST')
  })

  test('withLock rejects when the lock was lost although the work succeeded', async ({
    lock,
    another,
    forget,
    name,
  }) => {
    const other = await another()
    const working = lock.withLock(name, async () => {
      await forget()
      await other.acquire(name)
    })
    await assertCode(working, 'E_LOCK_LOST')
  })
})

import assert from 'node:assert/strict'
import { assertCode, assertRefused, soon, takeTurns, turns } from '../contract/assertions.js'
import { AWKWARD_NAMES, BAD_NAMES } from '../contract/sample-names.js'
import { lockGroup } from './harness.js'

export const exclusion = lockGroup('one holder at a time', (test) => {
  test('a held lock cannot be acquired until it is released', async ({ lock, another, name }) => {
    const other = await another()
    const held = await lock.acquire(name)
    assert.equal(held.name, name)
    assert.equal(held.signal.aborted, false)
    await assertCode(other.acquire(name, { waitMs: 0 }), 'E_LOCK_TIMEOUT')
    assert.equal(await held.release(), true)
    const next = await other.acquire(name, { waitMs: 0 })
    await assertCode(lock.acquire(name, { waitMs: 0 }), 'E_LOCK_TIMEOUT')
    assert.equal(await next.release(), true)
  })

  test('many clients that hold the lock in turn lose no update', async ({ lock, another, name }) => {
    const locks = [lock, await another(), await another()]
    let inside = 0
    let value = 0
    const work = async () => {
      assert.equal(++inside, 1, 'two hold the lock')
      const read = value
      await turns(2)
      value = read + 1
      inside--
    }
    const all = Array.from({ length: 18 }, (_, i) =>
      takeTurns(locks, i).withLock(name, work, { waitMs: 60_000 }),
    )
    await soon(Promise.all(all), 'many clients', 25_000)
    assert.equal(value, 18)
  })

  test('locks with different names are independent', async ({ lock, another, name }) => {
    const other = await another()
    const names = AWKWARD_NAMES.slice(0, 24).map((each) => name + each)
    for (const [i, each] of names.entries()) {
      const held = await takeTurns([lock, other], i).acquire(each, { waitMs: 0 })
      assert.equal(held.name, each)
    }
    await assertCode(other.acquire(names[0] ?? '', { waitMs: 0 }), 'E_LOCK_TIMEOUT')
  })

  test('long names that differ only at the end are different locks', async ({ lock, another, name }) => {
    const long = name.padEnd(511, 'x')
    await lock.acquire(`${long}1`)
    await (await another()).acquire(`${long}2`, { waitMs: 0 })
  })

  test('invalid names and times are refused', async ({ lock, name }) => {
    for (const [bad, why] of BAD_NAMES) await assertRefused(() => lock.acquire(bad as string), why)
    for (const leaseMs of [0, -1, Number.NaN, Infinity, '1' as unknown as number]) {
      await assertRefused(() => lock.acquire(name, { leaseMs }), `a leaseMs of ${leaseMs}`)
    }
    for (const waitMs of [-1, Number.NaN, Infinity]) {
      await assertRefused(() => lock.acquire(name, { waitMs }), `a waitMs of ${waitMs}`)
    }
    const held = await soon(lock.acquire(name, { waitMs: 0 }), 'a lock that nobody holds')
    await assertRefused(() => held.extend(0), 'an extension by nothing')
    assert.equal(await held.release(), true)
  })
})

export const fencingNumbers = lockGroup('fencing numbers', (test) => {
  test('fencing numbers grow from holder to holder, or are undefined for all', async ({
    lock,
    another,
    fencing,
    name,
  }) => {
    const locks = [lock, await another()]
    let last = 0
    for (let i = 0; i < 6; i++) {
      const held = await takeTurns(locks, i).acquire(name)
      if (!fencing) assert.equal(held.fencing, undefined)
      else {
        assert.ok(Number.isSafeInteger(held.fencing), `${String(held.fencing)} is no whole number`)
        assert.ok(Number(held.fencing) > last, `${String(held.fencing)} after ${last}`)
        last = Number(held.fencing)
      }
      await held.release()
    }
  })

  test('fencing numbers grow also after the servers lost the lock', async (fixture) => {
    const { lock, another, fencing, forget, name } = fixture
    const other = await another()
    const first = await lock.acquire(name)
    await forget()
    const second = await other.acquire(name)
    if (fencing) assert.ok(Number(second.fencing) > Number(first.fencing), 'the number did not grow')
    await Promise.all([first.release(), second.release()])
    const third = await lock.acquire(name)
    if (fencing) assert.ok(Number(third.fencing) > Number(second.fencing), 'the number did not grow')
  })

  test('extending a lock keeps its fencing number', async ({ lock, name }) => {
    const held = await lock.acquire(name)
    const { fencing } = held
    await held.extend()
    assert.equal(held.fencing, fencing)
  })
})

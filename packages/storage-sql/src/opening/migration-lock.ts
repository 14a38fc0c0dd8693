import { StorageError } from '@larder/storage-core'
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { QueryRunner } from 'typeorm'
import { whileBusy } from '../connections/index.js'
import type { Limits } from '../dialects/index.js'
import type { Family } from '../entities/index.js'
import { isInDoubt } from '../sql-errors.js'
import { queryServer } from './server-queries.js'

export const PATIENCE_MS = 60_000
const PAUSE_MS = 50

/** Runs `work` while no other process runs any under the same name. */
type Guard = (runner: QueryRunner, lock: string, limits: Limits, work: () => Promise<void>) => Promise<void>

/** On PostgreSQL and SQLite `work` runs in one transaction, with which its lock ends. */
export const GUARDS: Readonly<Record<Family, Guard>> = Object.freeze({
  postgres: async (runner, lock, limits, work) => {
    const key = createHash('sha256').update(lock).digest().readInt32BE()
    // Polled, since a wait inside the server would be ended by a statement time-out of the user's. Not a lock of the
    // session, which a pooler may give to another client before it is unlocked.
    const ask = `SELECT pg_try_advisory_xact_lock(${key}) AS got`
    await until(async () => {
      await queryServer(runner.startTransaction(), limits)
      const got = isTrue(await queryServer(runner.query(ask), limits))
      if (!got) await queryServer(runner.rollbackTransaction(), limits)
      return got
    })
    try {
      await work()
      await runner.commitTransaction()
    } catch (error) {
      if (!isInDoubt(error)) await runner.rollbackTransaction().catch(() => undefined)
      throw error
    }
  },
  mysql: async (runner, lock, limits, work) => {
    // These locks are the server's: each database needs one of its own.
    const [{ name }] = (await queryServer(runner.query('SELECT DATABASE() AS name'), limits)) as [
      { name: string },
    ]
    const key = createHash('sha256').update(`${name} ${lock}`).digest('hex').slice(0, 60)
    const ask = 'SELECT GET_LOCK(?, 0) AS got'
    await until(async () => isTrue(await queryServer(runner.query(ask, [key]), limits)))
    await thenUnlock(work, () => queryServer(runner.query('SELECT RELEASE_LOCK(?)', [key]), limits))
  },
  sqlite: async (runner, _lock, _limits, work) => {
    await whileBusy(() => runner.query('BEGIN IMMEDIATE') as Promise<unknown>, PATIENCE_MS, undefined)
    try {
      await work()
      await runner.query('COMMIT')
    } catch (error) {
      await runner.query('ROLLBACK')
      throw error
    }
  },
})

/** A server that did not answer is not asked again: the lock goes with its connection. */
async function thenUnlock(work: () => Promise<void>, unlock: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!isInDoubt(error)) await unlock().catch(() => undefined)
    throw error
  }
  await unlock()
}

async function until(attempt: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  while (!(await attempt())) {
    if (performance.now() >= deadline) {
      throw new StorageError('E_LOCK_TIMEOUT', `Another process migrated for more than ${PATIENCE_MS} ms`)
    }
    await sleep(PAUSE_MS * (0.5 + Math.random()))
  }
}

function isTrue(rows: unknown): boolean {
  const [row] = rows as { readonly got: unknown }[]
  return row?.got === true || Number(row?.got) === 1
}

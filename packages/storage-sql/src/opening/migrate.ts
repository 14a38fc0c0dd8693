import { StorageError } from '@larder/storage-core'
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type DataSource, MigrationExecutor, type QueryRunner } from 'typeorm'
import { whileBusy } from '../connections/sqlite-connection.js'
import { type Family, familyOf } from '../entities/family.js'

const PATIENCE_MS = 60_000
const PAUSE_MS = 50

type Guard = (runner: QueryRunner, lock: string, work: () => Promise<void>) => Promise<void>

/**
 * Runs the pending migrations of a data source. Any number of processes may do so at once: one works, the others
 * wait and find nothing left to do. Rejects with `E_LOCK_TIMEOUT` after a minute.
 */
export async function migrate(dataSource: DataSource, prefix: string): Promise<void> {
  const runner = dataSource.createQueryRunner('master')
  try {
    const pending = () => new MigrationExecutor(dataSource, runner).getPendingMigrations()
    if (await nothingLeft(pending)) return
    const family = familyOf(dataSource.options.type)
    await GUARDS[family](runner, `larder migrations of ${prefix}`, async () => {
      const executor = new MigrationExecutor(dataSource, runner)
      // SQLite's guard is a transaction itself.
      executor.transaction = family === 'sqlite' ? 'none' : 'each'
      await executor.executePendingMigrations()
    })
  } finally {
    await runner.release()
  }
}

async function nothingLeft(pending: () => Promise<readonly unknown[]>): Promise<boolean> {
  return whileBusy(async () => (await pending()).length === 0, PATIENCE_MS, undefined)
}

const GUARDS: Readonly<Record<Family, Guard>> = Object.freeze({
  postgres: async (runner, lock, work) => {
    const key = createHash('sha256').update(lock).digest().readInt32BE()
    // Polled, since a wait inside the server would be ended by a statement time-out of the user's.
    await until(async () => isTrue(await runner.query(`SELECT pg_try_advisory_lock(${key}) AS got`)))
    try {
      await work()
    } finally {
      await runner.query(`SELECT pg_advisory_unlock(${key})`)
    }
  },
  mysql: async (runner, lock, work) => {
    // These locks are the server's: each database needs one of its own.
    const [{ name }] = (await runner.query('SELECT DATABASE() AS name')) as [{ name: string }]
    const key = createHash('sha256').update(`${name} ${lock}`).digest('hex').slice(0, 60)
    await until(async () => isTrue(await runner.query('SELECT GET_LOCK(?, 1) AS got', [key])))
    try {
      await work()
    } finally {
      await runner.query('SELECT RELEASE_LOCK(?)', [key])
    }
  },
  sqlite: async (runner, _lock, work) => {
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

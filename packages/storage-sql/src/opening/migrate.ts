import { StorageError } from '@larder/storage-core'
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type DataSource, MigrationExecutor, type QueryRunner } from 'typeorm'
import { whileBusy } from '../connections/sqlite-connection.js'
import { within } from '../connections/within.js'
import type { Limits } from '../dialects/dialect.js'
import { type Family, familyOf } from '../entities/family.js'
import { isInDoubt } from '../sql-errors.js'
import { look, withRunner } from './looks.js'

const PATIENCE_MS = 60_000
const PAUSE_MS = 50
const OWN_MIGRATION_MS = 60_000
/** What a user's own migrations may take. */
export const LONGEST_MIGRATION_MS = 3_600_000

const running = new WeakMap<DataSource, Promise<void>>()

type Guard = (runner: QueryRunner, lock: string, limits: Limits, work: () => Promise<void>) => Promise<void>

/**
 * Runs the pending migrations of a data source. Any number of processes may do so at once: one works, the others
 * wait and find nothing left to do. Rejects with `E_LOCK_TIMEOUT` after a minute, and with `E_TIMEOUT` where the
 * server does not answer. `shared`: the data source has migrations of others, too.
 */
export async function migrate(
  dataSource: DataSource,
  prefix: string,
  limits: Limits,
  shared: boolean,
): Promise<void> {
  return inTurn(dataSource, () => migrateAlone(dataSource, prefix, limits, shared))
}

/** A data source of SQLite has one connection, on which one migration at a time can have its transaction. */
function inTurn(dataSource: DataSource, work: () => Promise<void>): Promise<void> {
  const mine = Promise.resolve(running.get(dataSource)).then(work)
  running.set(
    dataSource,
    mine.catch(() => undefined),
  )
  return mine
}

async function migrateAlone(
  dataSource: DataSource,
  prefix: string,
  limits: Limits,
  shared: boolean,
): Promise<void> {
  const family = familyOf(dataSource.options.type)
  await withRunner(dataSource, async (runner) => {
    const pending = () => new MigrationExecutor(dataSource, runner).getPendingMigrations()
    if (await nothingLeft(pending, family, limits)) return
    await GUARDS[family](runner, `larder migrations of ${prefix}`, limits, async () => {
      const executor = new MigrationExecutor(dataSource, runner)
      // SQLite's guard is a transaction itself.
      executor.transaction = family === 'sqlite' ? 'none' : 'each'
      const limitMs = shared ? LONGEST_MIGRATION_MS : OWN_MIGRATION_MS
      await within(executor.executePendingMigrations(), limitMs, 'The migrations')
    })
  })
}

/**
 * Runs `work` while nobody else migrates these tables, as a transaction where the database can take back changes of
 * tables. Waits for a table that is in use as long as for a row.
 */
export async function underMigrationLock(
  dataSource: DataSource,
  prefix: string,
  limits: Limits,
  work: (runner: QueryRunner) => Promise<void>,
): Promise<void> {
  const family = familyOf(dataSource.options.type)
  const patiently = (runner: QueryRunner) =>
    PATIENT[family](runner, limits, () => within(work(runner), OWN_MIGRATION_MS, 'The migration'))
  await inTurn(dataSource, () =>
    withRunner(dataSource, (runner) =>
      GUARDS[family](runner, `larder migrations of ${prefix}`, limits, () => patiently(runner)),
    ),
  )
}

type Patient = (runner: QueryRunner, limits: Limits, work: () => Promise<void>) => Promise<void>

const PATIENT: Readonly<Record<Family, Patient>> = Object.freeze({
  postgres: async (runner, { lockTimeoutMs }, work) => {
    await runner.query('BEGIN')
    try {
      await runner.query(`SET LOCAL lock_timeout = ${lockTimeoutMs}`)
      await work()
      await runner.query('COMMIT')
    } catch (error) {
      if (!isInDoubt(error)) await runner.query('ROLLBACK')
      throw error
    }
  },
  mysql: async (runner, { lockTimeoutMs }, work) => {
    const seconds = Math.max(1, Math.ceil(lockTimeoutMs / 1_000))
    const [{ asFound }] = (await runner.query('SELECT @@SESSION.lock_wait_timeout AS asFound')) as [
      { asFound: number },
    ]
    await runner.query(`SET SESSION lock_wait_timeout = ${seconds}`)
    const restore = () => runner.query(`SET SESSION lock_wait_timeout = ${asFound}`) as Promise<unknown>
    try {
      await work()
    } catch (error) {
      if (!isInDoubt(error)) await restore()
      throw error
    }
    await restore()
  },
  sqlite: (_runner, _limits, work) => work(),
})

async function nothingLeft(
  pending: () => Promise<readonly unknown[]>,
  family: Family,
  limits: Limits,
): Promise<boolean> {
  const found = family === 'sqlite' ? whileBusy(pending, PATIENCE_MS, undefined) : look(pending(), limits)
  return (await found).length === 0
}

const GUARDS: Readonly<Record<Family, Guard>> = Object.freeze({
  postgres: async (runner, lock, limits, work) => {
    const key = createHash('sha256').update(lock).digest().readInt32BE()
    // Polled, since a wait inside the server would be ended by a statement time-out of the user's.
    const ask = `SELECT pg_try_advisory_lock(${key}) AS got`
    await until(async () => isTrue(await look(runner.query(ask), limits)))
    await thenUnlock(work, () => look(runner.query(`SELECT pg_advisory_unlock(${key})`), limits))
  },
  mysql: async (runner, lock, limits, work) => {
    // These locks are the server's: each database needs one of its own.
    const [{ name }] = (await look(runner.query('SELECT DATABASE() AS name'), limits)) as [{ name: string }]
    const key = createHash('sha256').update(`${name} ${lock}`).digest('hex').slice(0, 60)
    const ask = 'SELECT GET_LOCK(?, 0) AS got'
    await until(async () => isTrue(await look(runner.query(ask, [key]), limits)))
    await thenUnlock(work, () => look(runner.query('SELECT RELEASE_LOCK(?)', [key]), limits))
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
    if (!isInDoubt(error)) await unlock()
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

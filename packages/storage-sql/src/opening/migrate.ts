import { StorageError } from '@larder/storage-core'
import { processWide } from '@larder/storage-core/driver'
import { setTimeout as sleep } from 'node:timers/promises'
import { type DataSource, MigrationExecutor, type QueryRunner } from 'typeorm'
import { whileBusy, withTimeout } from '../connections/index.js'
import type { Limits } from '../dialects/index.js'
import { type Family, familyOf } from '../entities/index.js'
import { isInDoubt } from '../sql-errors.js'
import { isGalera } from './galera.js'
import { queryServer, withRunner } from './server-queries.js'
import { GUARDS, PATIENCE_MS } from './migration-lock.js'

const OWN_MIGRATION_MS = 60_000
const GALERA_ATTEMPTS = 10
const GALERA_PAUSE_MS = 200
/** What a user's own migrations may take. */
export const LONGEST_MIGRATION_MS = 3_600_000

const running = processWide('storage-sql/migrations@1', () => new WeakMap<DataSource, Promise<void>>())

/**
 * Runs the pending migrations of a data source, on PostgreSQL and SQLite in one transaction. Any number of processes may
 * do so at once: one works, the others wait and find nothing left to do. Rejects with `E_LOCK_TIMEOUT` after a minute,
 * and with `E_TIMEOUT` where the server does not answer. `shared`: the data source has migrations of others, too.
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
    if (await nothingLeft(dataSource, runner, limits)) return
    const attempts = (await queryServer(isGalera(runner), limits)) ? GALERA_ATTEMPTS : 1
    await repeatedly(attempts, async () => {
      // Another node may have made them.
      if (attempts > 1 && (await nothingLeft(dataSource, runner, limits))) return
      await GUARDS[family](runner, lockOf(prefix), limits, async () => {
        const executor = new MigrationExecutor(dataSource, runner)
        // The other guards are transactions themselves.
        executor.transaction = family === 'mysql' ? 'each' : 'none'
        if (family === 'postgres') await refuseWithoutTransaction(executor)
        const limitMs = shared ? LONGEST_MIGRATION_MS : OWN_MIGRATION_MS
        await withTimeout(executor.executePendingMigrations(), limitMs, 'The migrations')
      })
    })
  })
}

/** Where the guard is a node's own, those who migrate on two nodes get in each other's way; each step may be repeated. */
async function repeatedly(attempts: number, work: () => Promise<void>): Promise<void> {
  for (let left = attempts; ; left--) {
    try {
      return await work()
    } catch (error) {
      if (left <= 1 || isInDoubt(error)) throw error
      await sleep(GALERA_PAUSE_MS * (0.5 + Math.random()))
    }
  }
}

function lockOf(prefix: string): string {
  return `larder migrations of ${prefix}`
}

/** A user's own, such as one that creates an index concurrently. */
async function refuseWithoutTransaction(executor: MigrationExecutor): Promise<void> {
  const pending = await executor.getPendingMigrations()
  const refused = pending.find(({ instance }) => instance?.transaction === false)
  if (refused === undefined) return
  const message =
    `The migration ${refused.name} must not run in a transaction, and all migrations run in one here: ` +
    'run those of the data source first'
  throw new StorageError('E_UNSUPPORTED', message)
}

/** Looks only: what TypeORM does to find out creates its table, and of two processes that do so at once one fails. */
async function nothingLeft(dataSource: DataSource, runner: QueryRunner, limits: Limits): Promise<boolean> {
  const { migrationsTableName = 'migrations', type } = dataSource.options
  const schema = 'schema' in dataSource.options ? dataSource.options.schema : undefined
  const table = dataSource.driver.buildTableName(migrationsTableName, schema, dataSource.driver.database)
  const find = async (): Promise<boolean> => {
    if (!(await runner.hasTable(table))) return false
    return (await new MigrationExecutor(dataSource, runner).getPendingMigrations()).length === 0
  }
  return familyOf(type) === 'sqlite' ? whileBusy(find, PATIENCE_MS, undefined) : queryServer(find(), limits)
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
    PATIENT[family](runner, limits, () => withTimeout(work(runner), OWN_MIGRATION_MS, 'The migration'))
  await inTurn(dataSource, () =>
    withRunner(dataSource, (runner) =>
      GUARDS[family](runner, lockOf(prefix), limits, () => patiently(runner)),
    ),
  )
}

type Patient = (runner: QueryRunner, limits: Limits, work: () => Promise<void>) => Promise<void>

const PATIENT: Readonly<Record<Family, Patient>> = Object.freeze({
  postgres: async (runner, { lockTimeoutMs }, work) => {
    await runner.query(`SET LOCAL lock_timeout = ${lockTimeoutMs}`)
    await work()
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
      if (!isInDoubt(error)) await restore().catch(() => undefined)
      throw error
    }
    await restore()
  },
  sqlite: (_runner, _limits, work) => work(),
})

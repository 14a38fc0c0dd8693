import { StorageError } from '@larder/storage-core'
import { realpathSync } from 'node:fs'
import type { DataSource, DataSourceOptions } from 'typeorm'
import { ClosableSource } from '../connections/closable-source.js'
import { SERVER_ANSWERS_WITHIN_MS } from '../connections/connection.js'
import { PooledSource } from '../connections/pooled-source.js'
import type { ConnectionSource } from '../connections/source.js'
import { whileBusy } from '../connections/sqlite-connection.js'
import { SqliteSource } from '../connections/sqlite-source.js'
import { optionsOfUrl, ownDataSource } from './data-sources.js'
import { mysqlDialect } from '../dialects/mysql.js'
import { postgres } from '../dialects/postgres.js'
import { familyOf } from '../entities/family.js'
import { COLUMNS, tablePrefixOf, TABLES } from '../entities/tables.js'
import { look, withRunner } from './looks.js'
import { LONGEST_MIGRATION_MS, migrate } from './migrate.js'
import { Opened } from './opened.js'
import { type Settings, settingsOf, type SqlStorageOptions } from '../options.js'
import { SqlDriver } from '../driver/sql-driver.js'
import { toStorageError } from '../sql-errors.js'
import { type TablePaths, tablePathsOf } from '../tables.js'

/** Opens what is needed, in this order, and closes it again should a later step fail. */
export async function openDriver(options: SqlStorageOptions): Promise<SqlDriver> {
  const settings = settingsOf(options)
  const prefix = tablePrefixOf(options)
  const { dataSource: given, targetOptions } = targetOf(options)
  const opened = new Opened()
  try {
    const dataSource = given ?? (await ownDataSource(targetOptions, prefix, settings))
    const tables = await initialised(dataSource, prefix, settings, opened)
    const family = familyOf(dataSource.options.type)
    if (family === 'sqlite') await useWal(dataSource)
    if (options.migrate ?? given === undefined)
      await migrate(dataSource, prefix, settings, given !== undefined)
    else await checkTables(dataSource, tables, settings)
    const source =
      family === 'sqlite'
        ? await sqliteSource(dataSource, given !== undefined, prefix, settings, opened)
        : pooledSource(dataSource, given !== undefined, opened, settings)
    return new SqlDriver(new ClosableSource(source), tables, settings, options)
  } catch (error) {
    await opened.abandon()
    if (error instanceof TypeError || error instanceof RangeError) throw error
    throw toStorageError(error)
  }
}

function targetOf(
  options: SqlStorageOptions,
):
  | { readonly dataSource: DataSource; readonly targetOptions?: undefined }
  | { readonly dataSource?: undefined; readonly targetOptions: DataSourceOptions } {
  const given = (['url', 'typeorm', 'dataSource'] as const).filter((name) => name in options)
  if (given.length !== 1)
    throw new TypeError('SqlStorage.open() takes exactly one of url, typeorm and dataSource')
  if ('dataSource' in options) return { dataSource: options.dataSource }
  return { targetOptions: 'url' in options ? optionsOfUrl(options.url) : options.typeorm }
}

async function initialised(
  dataSource: DataSource,
  prefix: string,
  { connectTimeoutMs, statementTimeoutMs }: Settings,
  opened: Opened,
): Promise<TablePaths> {
  const { type, synchronize, migrationsRun, dropSchema } = dataSource.options
  familyOf(type)
  const changesTables = synchronize === true || migrationsRun === true || dropSchema === true
  const limitMs = connectTimeoutMs + statementTimeoutMs + SERVER_ANSWERS_WITHIN_MS
  await opened.use(dataSource, changesTables ? LONGEST_MIGRATION_MS : limitMs)
  return tablePathsOf(dataSource, prefix)
}

function pooledSource(
  dataSource: DataSource,
  shared: boolean,
  opened: Opened,
  settings: Settings,
): ConnectionSource {
  const dialect = familyOf(dataSource.options.type) === 'postgres' ? postgres : mysqlDialect(shared)
  return new PooledSource(dialect, dataSource, settings, poolSizeOf(dataSource, settings), () =>
    opened.close(),
  )
}

function poolSizeOf({ options }: DataSource, settings: Settings): number {
  const extra: unknown = options.extra
  const { max, connectionLimit } = (extra ?? {}) as {
    readonly max?: unknown
    readonly connectionLimit?: unknown
  }
  const poolSize = 'poolSize' in options ? options.poolSize : undefined
  const size = max ?? connectionLimit ?? poolSize ?? settings.poolSize
  return typeof size === 'number' && size >= 1 ? size : settings.poolSize
}

let memoryDatabases = 0
const memoryIds = new WeakMap<DataSource, string>()

async function sqliteSource(
  dataSource: DataSource,
  shared: boolean,
  prefix: string,
  settings: Settings,
  opened: Opened,
): Promise<ConnectionSource> {
  const path = databasePath(dataSource)
  const close = () => opened.close()
  if (path === undefined) {
    const id = memoryIds.get(dataSource) ?? `memory ${++memoryDatabases}`
    memoryIds.set(dataSource, id)
    return new SqliteSource({ id, writer: dataSource, reader: undefined, close }, settings)
  }
  const another = async () => {
    const own = await ownDataSource(dataSource.options, prefix, settings)
    await initialised(own, prefix, settings, opened)
    await setBusyTimeout(own, 0)
    return own
  }
  const writer = shared ? await another() : dataSource
  await setBusyTimeout(writer, 0)
  await useFullSync(writer)
  const reader = await another()
  return new SqliteSource({ id: realpathSync(path), writer, reader, close }, settings)
}

/** Undefined for a database in memory. */
function databasePath({ options }: DataSource): string | undefined {
  const path = String(options.database)
  return path === ':memory:' || path === '' ? undefined : path
}

/** Readers and the writer do not wait for each other in this mode. It stays with the file. */
async function useWal(dataSource: DataSource): Promise<void> {
  if (databasePath(dataSource) === undefined) return
  await whileBusy(() => dataSource.query('PRAGMA journal_mode = WAL'), 10_000, undefined)
}

/**
 * In WAL mode the default forgets the last commits when the power fails. What was acknowledged would be gone, and its
 * versions be given a second time.
 */
async function useFullSync(dataSource: DataSource): Promise<void> {
  await dataSource.query('PRAGMA synchronous = FULL')
}

async function setBusyTimeout(dataSource: DataSource, ms: number): Promise<void> {
  await dataSource.query(`PRAGMA busy_timeout = ${ms}`)
}

async function checkTables(dataSource: DataSource, tables: TablePaths, limits: Settings): Promise<void> {
  try {
    await withRunner(dataSource, async (runner) => {
      for (const table of TABLES) {
        const columns = COLUMNS[table].join(', ')
        await look(runner.query(`SELECT ${columns} FROM ${tables[table]} WHERE 1 = 0`), limits)
      }
    })
  } catch (error) {
    const { code, cause } = toStorageError(error)
    if (code !== 'E_SERVER') throw error
    const message =
      'The tables are missing or of another version: ' +
      'run larderMigrations() on the data source, or pass migrate: true'
    throw new StorageError('E_STORAGE_UNAVAILABLE', message, { cause })
  }
}

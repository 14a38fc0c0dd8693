import { StorageError } from '@larder/storage-core'
import { realpathSync } from 'node:fs'
import type { DataSource, DataSourceOptions } from 'typeorm'
import { ClosableSource } from '../connections/closable-source.js'
import { PooledSource } from '../connections/pooled-source.js'
import type { ConnectionSource } from '../connections/source.js'
import { whileBusy } from '../connections/sqlite-connection.js'
import { SqliteSource } from '../connections/sqlite-source.js'
import { optionsOfUrl, ownDataSource } from './data-sources.js'
import { mysqlDialect } from '../dialects/mysql.js'
import { postgres } from '../dialects/postgres.js'
import { familyOf } from '../entities/family.js'
import { tablePrefixOf } from '../entities/tables.js'
import { migrate } from './migrate.js'
import { type Settings, settingsOf, type SqlStorageOptions } from '../options.js'
import { SqlDriver } from '../driver/sql-driver.js'
import { toStorageError } from '../sql-errors.js'
import { type TablePaths, tablePathsOf } from '../tables.js'

/** Opens what is needed, in this order, and closes it again should a later step fail. */
export async function openDriver(options: SqlStorageOptions): Promise<SqlDriver> {
  const settings = settingsOf(options)
  const prefix = tablePrefixOf(options)
  const { dataSource: given, targetOptions } = targetOf(options)
  const opened: DataSource[] = []
  try {
    const dataSource = given ?? (await ownDataSource(targetOptions, prefix, settings))
    const tables = await initialised(dataSource, prefix, opened)
    const family = familyOf(dataSource.options.type)
    if (family === 'sqlite') await useWal(dataSource)
    if (options.migrate ?? given === undefined) await migrate(dataSource, prefix)
    else await checkTables(dataSource, tables)
    const source =
      family === 'sqlite'
        ? await sqliteSource(dataSource, given !== undefined, prefix, settings, opened)
        : pooledSource(dataSource, given !== undefined, opened.includes(dataSource), settings)
    return new SqlDriver(new ClosableSource(source), tables, settings, options)
  } catch (error) {
    for (const dataSource of opened) if (dataSource.isInitialized) await dataSource.destroy()
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
  opened: DataSource[],
): Promise<TablePaths> {
  familyOf(dataSource.options.type)
  if (!dataSource.isInitialized) {
    opened.push(dataSource)
    await dataSource.initialize()
  }
  return tablePathsOf(dataSource, prefix)
}

function pooledSource(
  dataSource: DataSource,
  shared: boolean,
  owned: boolean,
  settings: Settings,
): ConnectionSource {
  const dialect = familyOf(dataSource.options.type) === 'postgres' ? postgres : mysqlDialect(shared)
  return new PooledSource(dialect, dataSource, settings, poolSizeOf(dataSource, settings), owned)
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
  opened: DataSource[],
): Promise<ConnectionSource> {
  const path = databasePath(dataSource)
  if (path === undefined) {
    const id = memoryIds.get(dataSource) ?? `memory ${++memoryDatabases}`
    memoryIds.set(dataSource, id)
    return new SqliteSource({ id, writer: dataSource, reader: undefined, owned: opened }, settings)
  }
  const another = async () => {
    const own = await ownDataSource(dataSource.options, prefix, settings)
    await initialised(own, prefix, opened)
    await setBusyTimeout(own, 0)
    return own
  }
  const writer = shared ? await another() : dataSource
  await setBusyTimeout(writer, 0)
  const reader = await another()
  return new SqliteSource({ id: realpathSync(path), writer, reader, owned: opened }, settings)
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

async function setBusyTimeout(dataSource: DataSource, ms: number): Promise<void> {
  await dataSource.query(`PRAGMA busy_timeout = ${ms}`)
}

async function checkTables(dataSource: DataSource, tables: TablePaths): Promise<void> {
  try {
    await dataSource.query(`SELECT 1 FROM ${tables.journal} WHERE id = 0`)
  } catch (error) {
    const { code, cause } = toStorageError(error)
    if (code !== 'E_SERVER') throw error
    const message = 'The tables are missing: run larderMigrations() on the data source, or pass migrate: true'
    throw new StorageError('E_STORAGE_UNAVAILABLE', message, { cause })
  }
}

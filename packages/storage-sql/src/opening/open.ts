import { StorageError } from '@larder/storage-core'
import type { DataSource, DataSourceOptions } from 'typeorm'
import { ClosableSource, SqliteSource, whileBusy } from '../connections/index.js'
import { setSessionHook } from '../session-hook.js'
import { optionsOfUrl, ownDataSource } from './data-sources.js'
import { COLUMNS, familyOf, TABLES } from '../entities/index.js'
import { queryServer, withRunner } from './server-queries.js'
import { LONGEST_MIGRATION_MS, migrate } from './migrate.js'
import { provideModifiedIndex } from './modified-order.js'
import { refuseStatementLog } from './binlog.js'
import { checkSchema } from '../migrations/index.js'
import type { StorageDatabase } from './databases.js'
import { Opened } from './opened.js'
import { type OpenOptions, resolveSqlOptions, type Settings, type SqlStorageOptions } from '../options.js'
import { SqlDriver } from '../driver/index.js'
import { databasePath, isReadonly, listenerOf, openingMs, openSource } from './sources.js'
import { fittedToPackets } from './packets.js'
import { refuseStatementPooling } from './pooling.js'
import { isUnknown, toStorageError } from '../sql-errors.js'
import { Transactions } from '../transactions/index.js'
import { type TablePaths, tablePathsOf } from '../tables.js'

/** Opens what is needed, in this order, and closes it again should a later step fail. */
export async function openDriver(
  options: SqlStorageOptions,
): Promise<{ readonly driver: SqlDriver; readonly database: StorageDatabase }> {
  const resolved = resolveSqlOptions(options)
  const { settings, tablePrefix: prefix, onSession } = resolved
  const { dataSource: given, targetOptions } = targetOf(resolved)
  const opened = new Opened()
  try {
    const dataSource = given ?? (await ownDataSource(targetOptions, prefix, settings))
    if (familyOf(dataSource.options.type) === 'sqlite' && onSession !== undefined)
      throw new TypeError('`onSession` is for PostgreSQL, MySQL and MariaDB')
    setSessionHook(dataSource, onSession)
    const tables = await initialised(dataSource, prefix, settings, opened)
    const family = familyOf(dataSource.options.type)
    if (family === 'sqlite' && !isReadonly(dataSource)) await useWal(dataSource)
    await refuseStatementPooling(dataSource, settings)
    const migrates = resolved.migrate ?? (given === undefined && !isReadonly(dataSource))
    if (migrates) await migrate(dataSource, prefix, settings, given !== undefined)
    // The migrations of a data source of the program's may be without ours.
    if (!migrates || given !== undefined) await checkTables(dataSource, tables, settings)
    await withRunner(dataSource, (runner) => queryServer(checkSchema(runner, tables.schema), settings))
    if (resolved.orderByModified)
      await provideModifiedIndex({ dataSource, prefix, tables, settings }, migrates)
    const inner = await openSource(dataSource, given !== undefined, prefix, settings, opened)
    const source = new ClosableSource(inner)
    await refuseStatementLog(source)
    const fitted = await fittedToPackets(settings, source)
    const listener = resolved.listen ? listenerOf(dataSource, prefix) : undefined
    const database = { dataSource, prefix, settings, source, listener }
    const transactions = new Transactions(dataSource, source, settings, tables.journal)
    const driver = new SqlDriver(source, tables, fitted, listener, transactions, resolved)
    transactions.open(driver, inner instanceof SqliteSource ? inner.turns : undefined)
    return { driver, database }
  } catch (error) {
    await opened.abandon()
    if (error instanceof TypeError || error instanceof RangeError) throw error
    throw toStorageError(error)
  }
}

/** Throws a `TypeError` unless there is exactly one target. */
function targetOf({
  url,
  typeorm,
  dataSource,
}: OpenOptions):
  | { readonly dataSource: DataSource; readonly targetOptions?: undefined }
  | { readonly dataSource?: undefined; readonly targetOptions: DataSourceOptions } {
  const given = [url, typeorm, dataSource].filter((target) => target !== undefined).length
  if (given === 1 && dataSource !== undefined) return { dataSource }
  const targetOptions = url === undefined ? typeorm : optionsOfUrl(url)
  if (given === 1 && targetOptions !== undefined) return { targetOptions }
  throw new TypeError('SqlStorage.open() takes exactly one of url, typeorm and dataSource')
}

async function initialised(
  dataSource: DataSource,
  prefix: string,
  settings: Settings,
  opened: Opened,
): Promise<TablePaths> {
  const { type, synchronize, migrationsRun, dropSchema } = dataSource.options
  familyOf(type)
  const changesTables = synchronize === true || migrationsRun === true || dropSchema === true
  try {
    await opened.use(dataSource, changesTables ? LONGEST_MIGRATION_MS : openingMs(settings))
  } catch (cause) {
    const error = toStorageError(cause)
    if (changesTables || !isUnknown(error)) throw error
    // Such as a certificate that is not trusted.
    throw new StorageError('E_STORAGE_UNAVAILABLE', error.message, { cause })
  }
  return tablePathsOf(dataSource, prefix)
}

/** Readers and the writer do not wait for each other in this mode. It stays with the file. */
async function useWal(dataSource: DataSource): Promise<void> {
  if (databasePath(dataSource) === undefined) return
  await whileBusy(() => dataSource.query('PRAGMA journal_mode = WAL'), 10_000, undefined)
}

async function checkTables(dataSource: DataSource, tables: TablePaths, limits: Settings): Promise<void> {
  try {
    await withRunner(dataSource, async (runner) => {
      for (const table of TABLES) {
        const columns = COLUMNS[table].join(', ')
        await queryServer(runner.query(`SELECT ${columns} FROM ${tables[table]} WHERE 1 = 0`), limits)
      }
    })
  } catch (error) {
    const { code, cause } = toStorageError(error)
    if (code !== 'E_SERVER') throw error
    const message =
      'The tables are missing or of another version: open with migrate: true, ' +
      'give the data source larderMigrations() among its migrations and run them, or run the command larder migrate'
    throw new StorageError('E_STORAGE_UNAVAILABLE', message, { cause })
  }
}

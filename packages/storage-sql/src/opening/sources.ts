import { processWide } from '@larder/storage-core/driver'
import { realpathSync } from 'node:fs'
import type { DataSource } from 'typeorm'
import {
  type ConnectionSource,
  type Listener,
  PooledSource,
  PostgresListener,
  SERVER_ANSWERS_WITHIN_MS,
  SqliteSource,
} from '../connections/index.js'
import { ownDataSource } from './data-sources.js'
import { mysqlDialect, postgres } from '../dialects/index.js'
import { familyOf } from '../entities/index.js'
import type { Opened } from './opened.js'
import type { Settings } from '../options.js'

/** The connections of an initialised data source. `shared`: it is a user's, who has other work for it. */
export async function openSource(
  dataSource: DataSource,
  shared: boolean,
  prefix: string,
  settings: Settings,
  opened: Opened,
): Promise<ConnectionSource> {
  return familyOf(dataSource.options.type) === 'sqlite'
    ? sqliteSource(dataSource, shared, prefix, settings, opened)
    : pooledSource(dataSource, shared, opened, settings)
}

/** Undefined where the database tells nobody of what others commit. */
export function listenerOf(dataSource: DataSource, prefix: string): Listener | undefined {
  if (familyOf(dataSource.options.type) !== 'postgres') return undefined
  return new PostgresListener(dataSource, `${prefix}change`)
}

/** What connecting may take at most. */
export function openingMs({ connectTimeoutMs, statementTimeoutMs }: Settings): number {
  return connectTimeoutMs + statementTimeoutMs + SERVER_ANSWERS_WITHIN_MS
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

const memory = processWide('storage-sql/memory-databases@1', () => ({
  count: 0,
  ids: new WeakMap<DataSource, string>(),
}))

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
    const id = memory.ids.get(dataSource) ?? `memory ${++memory.count}`
    memory.ids.set(dataSource, id)
    return new SqliteSource(
      { id, writer: dataSource, program: dataSource, reader: undefined, close },
      settings,
    )
  }
  const another = async () => {
    const own = await ownDataSource(dataSource.options, prefix, settings)
    await opened.use(own, openingMs(settings))
    await setBusyTimeout(own, 0)
    return own
  }
  const writer = shared ? await another() : dataSource
  await setBusyTimeout(writer, 0)
  if (!isReadonly(dataSource)) await useFullSync(writer)
  const reader = await another()
  return new SqliteSource({ id: realpathSync(path), writer, program: dataSource, reader, close }, settings)
}

/** Whether the options of a SQLite file say that nobody writes to it. */
export function isReadonly({ options }: DataSource): boolean {
  return 'readonly' in options && options.readonly
}

/** Undefined for a database in memory. */
export function databasePath({ options }: DataSource): string | undefined {
  const path = String(options.database)
  return path === ':memory:' || path === '' ? undefined : path
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

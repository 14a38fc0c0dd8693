import { StorageError } from '@larder/storage-core'
import { DataSource, DefaultNamingStrategy, type DataSourceOptions } from 'typeorm'
import { type DatabaseType, type Family, familyOf, larderEntities } from '../entities/index.js'
import { larderMigrations } from '../migrations/index.js'
import type { Settings } from '../options.js'
import {
  type ClientClass,
  clientOfHosts,
  type Hosts,
  hostsOf,
  mysqlOptions,
  postgresOptions,
} from '../urls/index.js'

// Each import has its literal, by which bundlers find the package.
const PACKAGES: Readonly<Record<Family, { readonly name: string; readonly load: () => Promise<unknown> }>> =
  Object.freeze({
    postgres: { name: 'pg', load: () => import('pg') },
    mysql: { name: 'mysql2', load: () => import('mysql2') },
    sqlite: { name: 'better-sqlite3', load: () => import('better-sqlite3') },
  })

/** What TypeORM needs to reach the database that a URL names. Throws a `TypeError` for a URL of another kind. */
export function optionsOfUrl(url: string): DataSourceOptions {
  const scheme = /^([a-z0-9+]+):/i.exec(url)?.[1]?.toLowerCase()
  switch (scheme) {
    case 'postgres':
    case 'postgresql':
    case 'socket':
      return postgresOptions(url)
    case 'mysql':
    case 'mariadb':
      return mysqlOptions(scheme, url)
    case 'sqlite':
      return { type: 'better-sqlite3', database: sqlitePath(url) }
    default:
      // Not the URL itself: it may hold a password.
      throw new TypeError(
        'The URL must begin with postgres://, postgresql://, mysql://, mariadb:// or sqlite:, ' +
          `not with ${JSON.stringify(scheme ?? '')}`,
      )
  }
}

function sqlitePath(url: string): string {
  // What comes after two slashes is a host, and would become a folder in the root.
  if (/^sqlite:\/\/(?!\/)/i.test(url)) throw new TypeError('A sqlite: URL has no host: write sqlite:path')
  const path = url.slice('sqlite:'.length).replace(/^\/\/(?=\/)/, '')
  if (path === '') throw new TypeError('A sqlite: URL needs a path, or :memory:')
  return path
}

/** A data source of the storage's own, not initialised yet. */
export async function ownDataSource(
  options: DataSourceOptions,
  prefix: string,
  settings: Settings,
): Promise<DataSource> {
  const family = familyOf(options.type)
  const type = options.type as DatabaseType
  const driver = await driverOf(family, options)
  const common = {
    driver,
    entities: larderEntities(type, { tablePrefix: prefix }),
    migrations: larderMigrations(type, { tablePrefix: prefix }),
    migrationsTableName: `${prefix}migration`,
    subscribers: [],
    entityPrefix: '',
    namingStrategy: new DefaultNamingStrategy(),
    synchronize: false,
    migrationsRun: false,
    dropSchema: false,
    cache: false,
  }
  const merged: { readonly extra?: object } = { ...tuning(family, settings), ...options, ...common }
  const guarded =
    family === 'postgres' ? { ...merged, extra: guardedPool(driver, merged.extra, hostsOf(options)) } : merged
  return new DataSource(guarded as DataSourceOptions)
}

/** The little of `pg` that is used. */
interface Postgres {
  readonly Client?: ClientClass
}

/**
 * Between two listeners, the pool's and TypeORM's, a connection that the server ends has none, and the error would
 * end the process. The next use of the connection gets the error.
 */
function guardedPool(
  driver: unknown,
  extra: object | undefined,
  hosts: Hosts | undefined,
): object | undefined {
  const Client = (extra as Postgres | undefined)?.Client ?? (driver as Postgres).Client
  if (Client === undefined) return extra
  class GuardedClient extends Client {
    constructor(options: unknown) {
      super(options)
      this.on('error', () => undefined)
    }
  }
  return { ...extra, Client: hosts === undefined ? GuardedClient : clientOfHosts(GuardedClient, hosts) }
}

/** What the data source's own options may override. */
function tuning(family: Family, { poolSize, connectTimeoutMs }: Settings): object {
  switch (family) {
    case 'postgres':
      return { poolSize, connectTimeoutMS: connectTimeoutMs, extra: { keepAlive: true } }
    case 'mysql':
      // Values travel as literals in any case; several statements in one packet save round trips.
      return { poolSize, connectTimeout: connectTimeoutMs, multipleStatements: true }
    case 'sqlite':
      return {}
  }
}

/** The driver as this package finds it, since a strict package manager hides it from TypeORM. */
async function driverOf(family: Family, options: DataSourceOptions): Promise<unknown> {
  if ('driver' in options && options.driver !== undefined) return options.driver
  const { name, load } = PACKAGES[family]
  try {
    const loaded = await load()
    return (loaded as { readonly default?: unknown }).default ?? loaded
  } catch (cause) {
    throw new StorageError(
      'E_UNSUPPORTED',
      `The package ${name} is needed for this database: npm install ${name}`,
      {
        cause,
      },
    )
  }
}

import type { DataSource } from 'typeorm'
import type { DriverPool } from './shared-pool.js'

interface Server {
  readonly host?: unknown
  readonly port?: unknown
  readonly database?: unknown
  readonly connectionString?: unknown
}

/** The little of `pg`'s pool that is used. */
interface PostgresPool {
  readonly totalCount: number
  readonly idleCount: number
  readonly waitingCount: number
  readonly options: Server
}

interface Queue {
  readonly length: number
}

/** The little of `mysql2`'s pool that is used. */
interface MysqlPool {
  readonly _allConnections?: Queue
  readonly _freeConnections?: Queue
  readonly _connectionQueue?: Queue
  readonly config?: { readonly connectionConfig?: Server }
}

/** The pool that TypeORM has opened for an initialised data source of PostgreSQL, MySQL or MariaDB. */
export function serverPool({ driver, options }: DataSource): DriverPool {
  const { master, pool } = driver as unknown as {
    readonly master?: PostgresPool
    readonly pool?: MysqlPool
  }
  if (master !== undefined)
    return { name: nameOf(master.options, driver.database), counts: () => postgres(master) }
  const server = pool?.config?.connectionConfig ?? options
  return { name: nameOf(server, driver.database), counts: () => pool && mysql(pool) }
}

function postgres({ totalCount, idleCount, waitingCount }: PostgresPool): ReturnType<DriverPool['counts']> {
  return { used: totalCount - idleCount, idle: idleCount, pending: waitingCount }
}

function mysql({
  _allConnections,
  _freeConnections,
  _connectionQueue,
}: MysqlPool): ReturnType<DriverPool['counts']> {
  if (_allConnections === undefined || _freeConnections === undefined) return undefined
  const idle = _freeConnections.length
  return { used: _allConnections.length - idle, idle, pending: _connectionQueue?.length ?? 0 }
}

function nameOf({ host, port, database, connectionString }: Server, known: string | undefined): string {
  const isGiven = (each: unknown) => typeof each === 'string' || typeof each === 'number'
  const server = isGiven(host) ? [host, port].filter(isGiven).join(':') : hostOf(connectionString)
  return `${server}/${typeof database === 'string' ? database : (known ?? '')}`
}

/** Of a URL, what is between the password and the database: the hosts. */
function hostOf(url: unknown): string {
  const [, host = ''] =
    /^(?:[^?#]*@|\w+:\/\/)([^/?#@]*)(?:[/?#]|$)/.exec(typeof url === 'string' ? url : '') ?? []
  return host
}

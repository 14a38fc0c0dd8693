import { inject } from 'vitest'
import { createMysqlDatabase, createPostgresDatabase, type TestDatabase } from './databases.js'
import './shared-servers.js'

function firstAddress(list: string): { readonly host: string; readonly port: number } {
  const [first = ''] = list.split(/[\s,]+/).filter(Boolean)
  const [host = '', port = '11211'] = first.slice(first.lastIndexOf('@') + 1).split(':')
  return { host, port: Number(port) }
}

/**
 * The servers that all test files of this run share. Whoever stops, kills, floods or flushes a server starts
 * one of his own instead, with `startMemcached()` and its like.
 */
export const servers = {
  /** Other files use it at the same time: keys need a prefix of their own, and nobody may flush it. */
  memcached: {
    /** `host:port`, several separated by commas where `MEMCACHE_SERVERS` was given. */
    get servers(): string {
      return inject('larderServers').memcacheServers
    },
    /** The first server's. */
    get host(): string {
      return firstAddress(this.servers).host
    },
    get port(): number {
      return firstAddress(this.servers).port
    },
  },
  postgres: {
    get url(): string {
      return inject('larderServers').postgresUrl
    },
    /** A fresh, empty database; drop it in `afterAll`, or declare it with `await using`. */
    createDatabase(): Promise<TestDatabase> {
      return createPostgresDatabase(this.url, inject('larderServers').runId)
    },
  },
  mariadb: {
    get url(): string {
      return inject('larderServers').mariadbUrl
    },
    /** A fresh, empty database; drop it in `afterAll`, or declare it with `await using`. */
    createDatabase(): Promise<TestDatabase> {
      return createMysqlDatabase(this.url, inject('larderServers').runId)
    },
  },
} as const

/** Options of a client whose servers are healthy, on a machine that may be slow: late replies are not failures. */
export const PATIENT = Object.freeze({ timeoutMs: 60_000, connectTimeoutMs: 60_000 })

/** What the global setup tells the test files; plain data, since it crosses processes. */
export interface SharedServers {
  readonly runId: string
  /** `host:port`, several separated by commas, as in `MEMCACHE_SERVERS`. */
  readonly memcacheServers: string
  readonly postgresUrl: string
  readonly mariadbUrl: string
}

declare module 'vitest' {
  export interface ProvidedContext {
    larderServers: SharedServers
  }
}

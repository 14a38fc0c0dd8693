import { settled, type Callback } from './callbacks.js'
import { KeyCommands } from './key-commands.js'
import type { ClientOptions } from './options.js'
import { parseServers } from './server.js'

/** Called once for each server, with its name. */
export type StatsCallback = Callback<[server: string, stats: Readonly<Record<string, string>> | null]>
/** `true` for each server, or its error. */
export type FlushResults = Record<string, true | Error>

/**
 * The client of memjs 1.3 over the connections of this package: its methods, with callbacks and promises, options,
 * results and values, and the servers that it chooses for keys.
 */
export class Client extends KeyCommands {
  /** Of `user:password@host:port,host:port`; default: `MEMCACHIER_SERVERS`, `MEMCACHE_SERVERS` or `localhost:11211`. */
  static create(servers?: string | null, options?: ClientOptions): Client {
    const { MEMCACHIER_SERVERS, MEMCACHE_SERVERS } = process.env
    const text = servers || MEMCACHIER_SERVERS || MEMCACHE_SERVERS || 'localhost:11211'
    return new Client(parseServers(text, options), options)
  }

  /** Drops all items of all servers. Rejects with the last error, if any. */
  flush(): Promise<FlushResults>
  flush(callback: Callback<[results: FlushResults]>): undefined
  flush(callback?: Callback<[results: FlushResults]>): Promise<FlushResults> | undefined {
    const asked = this.askAll({ kind: 'flushAll', delaySeconds: 0 })
    if (callback === undefined)
      return asked.then((answers) => {
        const error = lastError(answers)
        if (error !== null) throw error
        return Object.fromEntries(answers)
      })
    void asked.then((answers) =>
      queueMicrotask(() => callback(lastError(answers), Object.fromEntries(answers))),
    )
    return undefined
  }

  /** Calls back once for each server. */
  stats(callback: StatsCallback): void {
    this.statsWithKey('', callback)
  }

  /** As `stats`, for a topic such as `settings`, `items` or `slabs`. */
  statsWithKey(key: string, callback: StatsCallback): void {
    for (const { name, exact } of this.servers) {
      exact.askServer({ kind: 'stats', topic: key }).then(
        (stats) => queueMicrotask(() => callback(null, name, Object.fromEntries(stats))),
        (error: unknown) => queueMicrotask(() => callback(error as Error, name, null)),
      )
    }
  }

  resetStats(callback: StatsCallback): void {
    this.statsWithKey('reset', callback)
  }

  /** The version of the first server. */
  version(): Promise<{ readonly value: string }>
  version(callback: Callback<[value: string | null]>): undefined
  version(callback?: Callback<[value: string | null]>): Promise<{ readonly value: string }> | undefined {
    const [first] = this.servers
    const asked = first?.exact.askServer({ kind: 'version' }) ?? Promise.resolve('')
    const answer = asked.then((value) => ({ value }))
    return settled(answer, callback, ({ value }) => [value])
  }

  /** The version of each server under its name. */
  versionAll(): Promise<{ readonly values: Record<string, string> }>
  versionAll(callback: Callback<[values: Record<string, string> | null]>): undefined
  versionAll(
    callback?: Callback<[values: Record<string, string> | null]>,
  ): Promise<{ readonly values: Record<string, string> }> | undefined {
    const answer = this.askAll({ kind: 'version' }).then((answers) => {
      const error = lastError(answers)
      if (error !== null) throw error
      return { values: Object.fromEntries(answers) as Record<string, string> }
    })
    return settled(answer, callback, ({ values }) => [values])
  }

  /** Closes the connections when what is in flight is answered. Later commands connect anew. */
  quit(): void {
    for (const server of this.servers) {
      const close = () => server.close()
      server.exact.askServer({ kind: 'version' }).then(close, close)
    }
  }

  /** Closes the connections at once. Later commands connect anew. */
  close(): void {
    for (const server of this.servers) server.close()
  }
}

function lastError(answers: ReadonlyMap<string, unknown>): Error | null {
  const errors = Array.from(answers.values()).filter((answer) => answer instanceof Error)
  return errors.at(-1) ?? null
}

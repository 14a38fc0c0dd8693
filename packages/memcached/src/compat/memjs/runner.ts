import { isStorageError } from '@larder/storage-core/base'
import { setTimeout as sleep } from 'node:timers/promises'
import type { KeyCommand, ResultOf, ServerCommand, WireKey } from '../../transport/index.js'
import { settingsOf, type ClientOptions, type Settings } from './options.js'
import type { Server } from './server.js'

/** What is the same when it is executed twice. */
const IDEMPOTENT: readonly KeyCommand['kind'][] = ['get', 'put', 'delete', 'touch']

/** Chooses servers, tries again, and fails over, as memjs. */
export abstract class Runner {
  readonly servers: readonly Server[]
  readonly options: Settings

  constructor(servers: readonly Server[], options?: ClientOptions) {
    if (servers.length === 0) throw new RangeError('`servers` must name at least one server')
    this.servers = servers
    this.options = settingsOf(options)
  }

  /** The index of a key's server among `servers`. A program may put another function in its place. */
  getServer(key: string): number | string {
    let hash = 0
    for (let i = 0; i < key.length; i++) hash = (Math.imul(31, hash) + key.charCodeAt(i)) | 0
    return Math.abs(hash) % this.servers.length
  }

  /** The server that is asked for a key: with `failover` the next one that is not left alone; null: none. */
  server(key: string): Server | null {
    const total = this.servers.length
    const first = total > 1 ? Number(this.getServer(key)) : 0
    for (let i = 0; i < total; i++) {
      const server = this.servers[(first + i) % total]
      if (server !== undefined && (server.wakeupAt ?? 0) <= Date.now()) return server
    }
    return null
  }

  /** Executes a command about one key. */
  protected async ask<C extends KeyCommand>(key: string, make: (key: WireKey) => C): Promise<ResultOf<C>> {
    const { failover, failoverTime } = this.options
    for (;;) {
      const server = this.server(key)
      if (server === null) throw new Error('No servers available')
      try {
        return await this.#try(server, key, make)
      } catch (error) {
        if (!isUnavailable(error)) throw error
        this.options.logger.log(`memcached server ${server.name} failed: ${error.message}`)
        if (failover !== true) throw error
        server.wakeupAt = Date.now() + failoverTime * 1000
      }
    }
  }

  /** Executes a command about the servers themselves; each answer, or its error, under the server's name. */
  protected async askAll<C extends ServerCommand>(
    command: C,
  ): Promise<ReadonlyMap<string, ResultOf<C> | Error>> {
    const answers = this.servers.map(async (server) => {
      const answer = server.exact.askServer(command)
      return [server.name, await answer.catch((error: unknown) => error as Error)] as const
    })
    return new Map(await Promise.all(answers))
  }

  async #try<C extends KeyCommand>(
    server: Server,
    key: string,
    make: (key: WireKey) => C,
  ): Promise<ResultOf<C>> {
    const { retries, retry_delay: delay } = this.options
    for (let left = retries; ; left--) {
      let isIdempotent = false
      try {
        return await server.exact.ask(key, (wire) => {
          const command = make(wire)
          isIdempotent = IDEMPOTENT.includes(command.kind)
          return command
        })
      } catch (error) {
        if (left <= 1 || !isIdempotent || !isUnavailable(error)) throw error
        await sleep(delay * 1000)
      }
    }
  }
}

/** Whether the server did not answer. */
function isUnavailable(error: unknown): error is Error {
  return isStorageError(error, 'E_CACHE_UNAVAILABLE') || isStorageError(error, 'E_TIMEOUT')
}

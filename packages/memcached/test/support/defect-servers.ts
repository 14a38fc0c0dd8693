import { RemoteCache, type RemoteCacheOptions } from '@larder/memcached'
import { Client, Server } from 'memjs'
import { setTimeout as sleep } from 'node:timers/promises'
import { FaultyServer, type Script } from './faulty-server.js'

/** What a test about a defect starts, so that all of it can be ended after the test. */
export class DefectServers {
  readonly #cleanups: (() => unknown)[] = []

  async faulty(script: Script, onConnect?: Parameters<typeof FaultyServer.start>[1]): Promise<FaultyServer> {
    const server = await FaultyServer.start(script, onConnect)
    this.#cleanups.push(() => server.stop())
    return server
  }

  ours(servers: FaultyServer | readonly FaultyServer[], options: RemoteCacheOptions = {}): RemoteCache {
    const addresses = [servers].flat().map(({ address }) => address)
    const cache = new RemoteCache(addresses, { transport: 'binary', ...options })
    this.#cleanups.push(() => cache.close())
    return cache
  }

  /** memjs as it is installed. */
  stock(servers: FaultyServer | readonly FaultyServer[], options: object = {}): Client {
    const logger = { log: () => {} }
    const all = { timeout: 0.3, ...options }
    const list = [servers].flat().map(({ port }) => new Server('127.0.0.1', port, '', '', { ...all }))
    const client = new Client(list, { retry_delay: 0.01, logger, ...options })
    this.#cleanups.push(() => client.close())
    return client
  }

  async end(): Promise<void> {
    for (const cleanup of this.#cleanups.splice(0).reverse()) await cleanup()
  }
}

/** No test waits for it: what has to settle before has another reason. */
export const NEVER_MS = 60_000

export const settled = async <T>(promise: Promise<T>, withinMs: number): Promise<T | 'open'> =>
  Promise.race([promise, sleep(withinMs, 'open' as const, { ref: false })])

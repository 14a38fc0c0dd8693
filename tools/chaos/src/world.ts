import {
  type DevServer,
  type MemcachedServer,
  startMariadb,
  startMemcached,
  startPostgres,
} from '@larder/dev-servers'
import { Cleanup } from './cleanup.js'
import type { ServerFault } from './faults.js'
import { Filler } from './filler.js'
import { Network } from './network.js'
import { setTimeout as sleep } from 'node:timers/promises'

export type DatabaseName = 'postgres' | 'mariadb'

/** As `-I` of the servers, and of what the processes are told. */
export const ITEM_LIMIT_BYTES = 16_384

// Few items fit: a megabyte, of which each takes two kilobytes at least.
const SMALL = ['-m', '1', '-n', '2000', '-I', String(ITEM_LIMIT_BYTES), '-o', 'slab_chunk_max=8192']

/** Servers that are killed must keep what they have acknowledged; the machine itself does not fail here. */
const DATABASES: Readonly<Record<DatabaseName, () => Promise<DevServer & { readonly url: string }>>> = {
  postgres: () => startPostgres({ settings: { synchronous_commit: 'on', full_page_writes: 'on' } }),
  mariadb: () => startMariadb({ settings: { 'innodb-flush-log-at-trx-commit': '2' } }),
}

/** The servers, the ways to them, and what can be done to them. */
export class World implements AsyncDisposable {
  readonly #cleanup: Cleanup
  readonly #servers: readonly MemcachedServer[]
  readonly #caches: readonly Network[]
  readonly #database: DevServer & { readonly url: string }
  readonly #databaseNetwork: Network
  readonly #filler: Filler

  private constructor(
    cleanup: Cleanup,
    servers: readonly MemcachedServer[],
    caches: readonly Network[],
    database: DevServer & { readonly url: string },
    databaseNetwork: Network,
  ) {
    this.#cleanup = cleanup
    this.#servers = servers
    this.#caches = caches
    this.#database = database
    this.#databaseNetwork = databaseNetwork
    this.#filler = new Filler(this.addresses)
    const filling = this.#filler.run()
    cleanup.defer(() => filling)
    cleanup.defer(() => this.#filler.end())
  }

  static async start(name: DatabaseName, servers: number): Promise<World> {
    const cleanup = new Cleanup()
    try {
      const database = cleanup.use(await DATABASES[name]())
      const network = cleanup.use(await Network.start({ port: database.port }))
      const memcached: MemcachedServer[] = []
      const caches: Network[] = []
      for (let i = 0; i < servers; i++) {
        const server = cleanup.use(await startMemcached({ args: SMALL }))
        memcached.push(server)
        caches.push(cleanup.use(await Network.start({ port: server.port })))
      }
      return new World(cleanup, memcached, caches, database, network)
    } catch (error) {
      await cleanup[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Straight to the memcached servers. */
  get addresses(): readonly string[] {
    return this.#servers.map(({ address }) => address)
  }

  /** Straight to the database. */
  get databaseUrl(): string {
    return this.#database.url
  }

  /** As a process with this index comes to the servers. */
  waysOf(worker: number): { readonly servers: readonly string[]; readonly databaseUrl: string } {
    const url = new URL(this.databaseUrl)
    url.port = String(this.#databaseNetwork.wayOf(worker).port)
    return { servers: this.#caches.map((network) => network.wayOf(worker).address), databaseUrl: url.href }
  }

  /** Resolves when the fault is over. */
  async inflict(fault: ServerFault): Promise<void> {
    switch (fault.kind) {
      case 'memcached restarts':
        return this.#server(fault.server).restart()
      case 'memcached is down':
        await this.#server(fault.server).kill()
        await sleep(fault.ms)
        return this.#server(fault.server).restart()
      case 'memcached stands still':
        this.#server(fault.server).pause()
        await sleep(fault.ms)
        return this.#server(fault.server).resume()
      case 'flood':
        this.#filler.flood(fault.ms)
        return sleep(fault.ms)
      case 'database restarts':
        return this.#database.restart()
      case 'database is killed':
        await this.#database.kill()
        return this.#database.restart()
      case 'cache network':
      case 'database network':
        return breakFor(this.#networkOf(fault), fault)
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#cleanup[Symbol.asyncDispose]()
  }

  #server(index: number): MemcachedServer {
    const server = this.#servers[index]
    if (server === undefined) throw new RangeError(`There is no server ${index}`)
    return server
  }

  #networkOf(fault: ServerFault): Network {
    const network = fault.kind === 'cache network' ? this.#caches[fault.server] : this.#databaseNetwork
    if (network === undefined) throw new RangeError('There is no such network')
    return network
  }
}

async function breakFor(
  network: Network,
  fault: ServerFault & { readonly kind: 'cache network' | 'database network' },
): Promise<void> {
  await network.break(fault.side, fault)
  await sleep(fault.ms)
  await network.mend(fault.side)
}

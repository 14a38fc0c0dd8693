import { RemoteCache } from '@larder/storage-memcache'
import { cacheContract } from './contract/cache-contract.js'
import { commandContract } from './contract/command-contract.js'
import { addressOf, startMemcached, type MemcachedOptions } from './support/memcached.js'

const transports = ['auto', 'meta', 'binary'] as const

function overServers(name: string, count: number, options: MemcachedOptions = {}): void {
  for (const transport of transports) {
    for (const contract of [cacheContract, commandContract]) {
      const servers = Promise.all(Array.from({ length: count }, () => startMemcached(options)))
      contract(`${transport}, ${name}`, {
        create: async () => new RemoteCache((await servers).map(addressOf), { transport }),
        stop: async () => void (await Promise.all((await servers).map((server) => server.stop()))),
      })
    }
  }
}

overServers('one memcached over TCP', 1)
overServers('one memcached over a UNIX socket', 1, { unixSocket: true })
overServers('three memcached', 3)

import { RemoteCache, type RemoteCacheOptions } from '@larder/memcached'
import { cacheContract } from './contract/cache-contract.js'
import { commandContract } from './contract/command-contract.js'
import { PATIENT } from '@larder/dev-servers/vitest'
import { addressOf, startMemcached, type MemcachedOptions } from './support/memcached.js'

const TRANSPORTS = ['auto', 'meta', 'binary', 'text'] as const
type Transport = (typeof TRANSPORTS)[number]

function overServers(
  name: string,
  count: number,
  options: MemcachedOptions = {},
  client: RemoteCacheOptions = {},
  transports: readonly Transport[] = TRANSPORTS,
): void {
  for (const transport of transports) {
    for (const contract of [cacheContract, commandContract]) {
      const servers = Promise.all(Array.from({ length: count }, () => startMemcached(options)))
      contract(`${transport}, ${name}`, {
        create: async () =>
          new RemoteCache((await servers).map(addressOf), { ...PATIENT, ...client, transport }),
        peeks: (transport === 'auto' || transport === 'meta') && options.args === undefined,
        stop: async () => void (await Promise.all((await servers).map((server) => server.stop()))),
      })
    }
  }
}

overServers('one memcached over TCP', 1)
overServers('one memcached that speaks binary alone', 1, { args: ['-B', 'binary'] }, {}, ['auto', 'binary'])
overServers('one memcached that speaks text alone', 1, { args: ['-B', 'ascii'] }, {}, ['text'])
overServers('one memcached over a UNIX socket', 1, { unixSocket: true })
overServers('three memcached', 3)
overServers('two memcached, four connections each', 2, {}, { connectionsPerServer: 4 })

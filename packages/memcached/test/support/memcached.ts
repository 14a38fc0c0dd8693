import { startMemcached, type MemcachedOptions, type MemcachedServer } from '@larder/dev-servers'
import { createServer, type AddressInfo } from 'node:net'

export { startMemcached, type MemcachedOptions, type MemcachedServer }

/** What a client is given to reach it. */
export function addressOf(server: MemcachedServer): string {
  return server.socketPath ?? server.address
}

/** A port on which nobody listens. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from './address.js'
import { type Backend, FrontServer } from './fronts.js'
import { serverProgram } from './install.js'

export interface TwemproxyOptions {
  /**
   * Connections to each server. With more than one, the commands of one client may run in another order than they
   * came in. Default: 1, as twemproxy's.
   */
  readonly serverConnections?: number
}

/** twemproxy (nutcracker) in front of memcached servers, which it shares the keys among. */
export async function startTwemproxy(
  servers: readonly Backend[],
  { serverConnections = 1 }: TwemproxyOptions = {},
): Promise<FrontServer> {
  const statsPort = await freePort()
  const front = await FrontServer.start({
    name: 'twemproxy',
    command: serverProgram('twemproxy'),
    stopSignal: 'SIGTERM',
    abortSignal: 'SIGKILL',
    args: ({ folder }) => [
      ...['-c', join(folder, 'nutcracker.yml')],
      ...['-o', join(folder, 'nutcracker.log')],
      ...['-a', '127.0.0.1', '-s', String(statsPort)],
    ],
    isReady: ({ folder }) => existsSync(join(folder, 'nutcracker.log')),
    files: ({ port }) => ({
      'nutcracker.yml': [
        'servers:',
        `  listen: 127.0.0.1:${port}`,
        // Others put short keys that differ in their last letter on one server.
        '  hash: md5',
        '  distribution: ketama',
        '  auto_eject_hosts: false',
        '  timeout: 1000',
        `  server_connections: ${serverConnections}`,
        '  servers:',
        ...servers.map(({ host, port: at }) => `   - ${host}:${at}:1`),
        '',
      ].join('\n'),
    }),
  })
  // It writes its log a moment before it listens.
  while (front.running && !(await isOpen(front))) await sleep(5)
  return front
}

async function isOpen({ host, port }: Backend): Promise<boolean> {
  const socket = connect(port, host)
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

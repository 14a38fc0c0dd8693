import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DevServer, newPlace, type Place, type Recipe } from './dev-server.js'
import { removeFolder } from './guarded.js'
import { serverProgram } from './install.js'
import { unprivilegedUser } from './user.js'

/** A server that another stands in front of. */
export interface Backend {
  readonly host: string
  readonly port: number
}

export type PoolMode = 'session' | 'transaction' | 'statement'

/** How a server that stands in front of others is started. */
interface Front extends Pick<Recipe, 'name' | 'command' | 'isReady' | 'args' | 'stopSignal' | 'abortSignal'> {
  readonly files: (place: Place) => Readonly<Record<string, string>>
}

/** A pooler or proxy in front of database servers. */
export class FrontServer extends DevServer {
  private constructor(recipe: Recipe, place: Place) {
    super(recipe, place.folder, place.port)
  }

  static async start({ files, ...recipe }: Front): Promise<FrontServer> {
    const user = unprivilegedUser('postgres')
    const place = await newPlace(user)
    try {
      for (const [name, text] of Object.entries(files(place))) {
        writeFileSync(join(place.folder, name), text, { mode: 0o644 })
      }
    } catch (error) {
      await removeFolder(place.folder)
      throw error
    }
    return new FrontServer({ ...recipe, user }, place).begin({ portIsFixed: true })
  }

  /** The same URL, by way of this server. */
  urlFor(url: string): string {
    const through = new URL(url)
    through.host = this.address
    return through.href
  }
}

/** PgBouncer; `settings` go into its section of that name. */
export function startPgbouncer(
  { host, port }: Backend,
  mode: PoolMode,
  settings: Readonly<Record<string, string | number>> = {},
): Promise<FrontServer> {
  const all = { default_pool_size: 20, ...settings }
  return FrontServer.start({
    name: 'PgBouncer',
    command: serverProgram('pgbouncer'),
    stopSignal: 'SIGINT',
    abortSignal: 'SIGKILL',
    args: ({ folder }) => [join(folder, 'pgbouncer.ini')],
    isReady: (_, log) => log.includes('process up'),
    files: (place) => ({
      'pgbouncer.ini': [
        '[databases]',
        // "Any" lets everybody in, and this user needs no password.
        `* = host=${host} port=${port} user=larder`,
        '[pgbouncer]',
        'listen_addr = 127.0.0.1',
        `listen_port = ${place.port}`,
        'unix_socket_dir =',
        'auth_type = any',
        `pool_mode = ${mode}`,
        ...Object.entries(all).map(([name, value]) => `${name} = ${value}`),
        '',
      ].join('\n'),
    }),
  })
}

/** pgpool-II in front of one server, which only pools connections. */
export function startPgpool({ host, port }: Backend): Promise<FrontServer> {
  return FrontServer.start({
    name: 'pgpool-II',
    command: serverProgram('pgpool'),
    // "Fast" and "immediate": killed, it would leave its shared memory behind.
    stopSignal: 'SIGINT',
    abortSignal: 'SIGQUIT',
    args: ({ folder }) => [
      '-n',
      '-f',
      join(folder, 'pgpool.conf'),
      '-F',
      join(folder, 'pcp.conf'),
      '-a',
      join(folder, 'pool_hba.conf'),
    ],
    isReady: (_, log) => log.includes('pgpool-II successfully started'),
    files: (place) => ({
      'pgpool.conf': [
        "backend_clustering_mode = 'raw'",
        "listen_addresses = '127.0.0.1'",
        `port = ${place.port}`,
        `socket_dir = '${place.folder}'`,
        `pcp_socket_dir = '${place.folder}'`,
        "pcp_listen_addresses = ''",
        `logdir = '${place.folder}'`,
        `pid_file_name = '${join(place.folder, 'pgpool.pid')}'`,
        `backend_hostname0 = '${host}'`,
        `backend_port0 = ${port}`,
        "backend_flag0 = 'DISALLOW_TO_FAILOVER'",
        'num_init_children = 12',
        'memqcache_total_size = 1MB',
        'memqcache_max_num_cache = 100',
        'max_pool = 1',
        'enable_pool_hba = off',
        'failover_on_backend_error = off',
        '',
      ].join('\n'),
      'pcp.conf': '',
      'pool_hba.conf': '',
    }),
  })
}

/** HAProxy, which sends connections to the first of these servers that passes `check`. */
export function startHaproxy(backends: readonly Backend[], check: readonly string[]): Promise<FrontServer> {
  return FrontServer.start({
    name: 'HAProxy',
    command: serverProgram('haproxy'),
    stopSignal: 'SIGTERM',
    abortSignal: 'SIGKILL',
    args: ({ folder }) => ['-db', '-f', join(folder, 'haproxy.cfg')],
    isReady: ({ folder }) => existsSync(join(folder, 'admin.sock')),
    files: ({ folder, port }) => ({
      'haproxy.cfg': [
        'global',
        `  stats socket ${join(folder, 'admin.sock')} level admin`,
        'defaults',
        '  mode tcp',
        '  timeout connect 2s',
        '  timeout client 10m',
        '  timeout server 10m',
        'listen databases',
        `  bind 127.0.0.1:${port}`,
        ...check.map((line) => `  ${line}`),
        '  default-server inter 200ms fall 2 rise 1 on-marked-down shutdown-sessions',
        ...backends.map(
          ({ host, port: at }, i) => `  server db${i} ${host}:${at} check${i > 0 ? ' backup' : ''}`,
        ),
        '',
      ].join('\n'),
    }),
  })
}

import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DevServer, newPlace, type Place, type Recipe } from './dev-server.js'
import { serverProgram } from './install.js'
import { unprivilegedUser } from './user.js'

export interface MemcachedOptions {
  /** More arguments, as on the command line: `['-m', '2', '-o', 'temporary_ttl=61']`. */
  readonly args?: readonly string[]
  /** Listen on a UNIX socket in the server's folder, and on no port. */
  readonly unixSocket?: boolean
  /** A port other than a free one. */
  readonly port?: number
  /** More of the environment that it is started in. */
  readonly env?: Readonly<Record<string, string>>
}

const DEFAULT_ARGS = ['-m', '64', '-c', '1024', '-t', '2', '-U', '0']

function recipeFor(options: MemcachedOptions): Recipe {
  const { args = [], unixSocket = false, env } = options
  const command = serverProgram('memcached')
  const readyFile = ({ folder }: Place): string => join(folder, unixSocket ? 'memcached.sock' : 'ports')
  return {
    name: 'memcached',
    command,
    user: unprivilegedUser('memcache', 'memcached'),
    // It has nothing to save, and takes a second to notice a SIGTERM.
    stopSignal: 'SIGKILL',
    abortSignal: 'SIGKILL',
    // It writes this file when it listens; relative to its folder.
    env: { ...env, MEMCACHED_PORT_FILENAME: 'ports' },
    args: (place) => {
      rmSync(readyFile(place), { force: true })
      const listen = unixSocket ? ['-s', readyFile(place)] : ['-l', '127.0.0.1', '-p', String(place.port)]
      return [...listen, ...DEFAULT_ARGS, ...args]
    },
    isReady: (place) => existsSync(readyFile(place)),
  }
}

export class MemcachedServer extends DevServer {
  /** The path of its UNIX socket, when it was asked for one. */
  readonly socketPath: string | undefined

  private constructor(recipe: Recipe, place: Place, unixSocket: boolean) {
    super(recipe, place.folder, place.port)
    this.socketPath = unixSocket ? join(place.folder, 'memcached.sock') : undefined
  }

  get url(): string {
    return this.socketPath === undefined ? `memcached://${this.address}` : `unix:${this.socketPath}`
  }

  static async start(options: MemcachedOptions = {}): Promise<MemcachedServer> {
    const recipe = recipeFor(options)
    const server = new MemcachedServer(
      recipe,
      await newPlace(recipe.user, options.port),
      options.unixSocket ?? false,
    )
    return server.begin({ portIsFixed: options.port !== undefined })
  }
}

/** A private memcached; its items are lost with each restart, as always. */
export function startMemcached(options?: MemcachedOptions): Promise<MemcachedServer> {
  return MemcachedServer.start(options)
}

import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DevServer, newPlace, type Place, type Recipe } from './dev-server.js'
import { removeFolder } from './guarded.js'
import { serverProgram } from './install.js'
import { runProgram } from './run-program.js'
import { unprivilegedUser } from './user.js'

const USER = 'larder'

// Durability is for servers whose data is kept. These live for a test run.
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '32MB',
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
}

function isReady({ folder }: Place, _: string, pid: number): boolean {
  const file = join(folder, 'data', 'postmaster.pid')
  if (!existsSync(file)) return false
  const lines = readFileSync(file, 'utf8').split('\n')
  // The file of a server that was killed stays until the next one writes its own.
  return Number(lines[0]) === pid && ['ready', 'standby'].includes(lines[7]?.trim() ?? '')
}

export interface PostgresOptions {
  /** A port other than a free one. */
  readonly port?: number
  /** Settings over the defaults, as in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>
}

function recipeFor({ settings = {} }: PostgresOptions): Recipe {
  const assignments = Object.entries({ ...SETTINGS, ...settings })
  return {
    name: 'PostgreSQL',
    command: serverProgram('postgres'),
    user: unprivilegedUser('postgres'),
    // "Fast": transactions are rolled back, connections closed.
    stopSignal: 'SIGINT',
    // "Immediate": without it a small segment of shared memory would be left behind.
    abortSignal: 'SIGQUIT',
    args: ({ folder, port }) => [
      '-D',
      join(folder, 'data'),
      '-p',
      String(port),
      ...assignments.flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    isReady,
  }
}

export class PostgresServer extends DevServer {
  private constructor(recipe: Recipe, place: Place) {
    super(recipe, place.folder, place.port)
  }

  /** For a superuser, who needs no password. */
  get url(): string {
    return `postgres://${USER}@${this.address}/postgres`
  }

  static start(options: PostgresOptions = {}): Promise<PostgresServer> {
    const args = ['-U', USER, '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']
    return PostgresServer.#startOn('initdb', args, options)
  }

  static follow({ host, port }: PostgresServer): Promise<PostgresServer> {
    const args = [
      '-R',
      '-X',
      'stream',
      '--checkpoint=fast',
      '--no-sync',
      '-U',
      USER,
      '-h',
      host,
      '-p',
      String(port),
    ]
    return PostgresServer.#startOn('pg_basebackup', args, { settings: REPLICATED })
  }

  /** On data that the program makes. */
  static async #startOn(
    program: string,
    args: readonly string[],
    options: PostgresOptions,
  ): Promise<PostgresServer> {
    const recipe = recipeFor(options)
    const place = await newPlace(recipe.user, options.port)
    try {
      // From beside the server, so that both are of one version.
      const path = join(dirname(realpathSync(recipe.command)), program)
      const data = join(place.folder, 'data')
      await runProgram(path, ['-D', data, ...args], { cwd: place.folder, user: recipe.user })
    } catch (error) {
      await removeFolder(place.folder)
      throw error
    }
    return new PostgresServer(recipe, place).begin({ portIsFixed: options.port !== undefined })
  }
}

/** What a primary needs so that `startPostgresStandby` can follow it. */
export const REPLICATED: Readonly<Record<string, string>> = Object.freeze({
  wal_level: 'replica',
  max_wal_senders: '4',
})

/** An asynchronous standby of a server that was started with the settings `REPLICATED`. */
export function startPostgresStandby(primary: PostgresServer): Promise<PostgresServer> {
  return PostgresServer.follow(primary)
}

/** A private PostgreSQL; its data outlive a restart. */
export function startPostgres(options?: PostgresOptions): Promise<PostgresServer> {
  return PostgresServer.start(options)
}

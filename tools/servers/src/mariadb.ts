import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DevServer, newPlace, type Place, type Recipe } from './dev-server.js'
import { removeFolder } from './guarded.js'
import { serverProgram } from './install.js'
import { runProgram } from './run-program.js'
import { unprivilegedUser } from './user.js'

const USER = 'larder'
const PASSWORD = 'larder'
const DATABASE = 'larder'

// Made anew at each start, which is harmless.
const INIT_SQL = [
  `CREATE USER IF NOT EXISTS '${USER}'@'%' IDENTIFIED BY '${PASSWORD}';`,
  `GRANT ALL PRIVILEGES ON *.* TO '${USER}'@'%' WITH GRANT OPTION;`,
  `CREATE DATABASE IF NOT EXISTS ${DATABASE};`,
  '',
].join('\n')

// Small, for a quick start, and without durability: these servers live for a test run.
const SETTINGS = {
  'bind-address': '127.0.0.1',
  'skip-networking': '0',
  'skip-name-resolve': '1',
  'character-set-server': 'utf8mb4',
  'collation-server': 'utf8mb4_general_ci',
  'max-connections': '200',
  'performance-schema': 'OFF',
  'innodb-buffer-pool-size': '32M',
  'innodb-log-file-size': '16M',
  'innodb-flush-log-at-trx-commit': '0',
  'innodb-doublewrite': '0',
  'innodb-use-native-aio': '0',
  'sync-binlog': '0',
  'debug-no-sync': '1',
}

function flags(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings).map(([name, value]) => `--${name}=${value}`)
}

export interface MariadbOptions {
  /** A port other than a free one. */
  readonly port?: number
  /** Settings over the defaults, as in my.cnf. */
  readonly settings?: Readonly<Record<string, string>>
}

function recipeFor({ settings = {} }: MariadbOptions): Recipe {
  return {
    name: 'MariaDB',
    command: serverProgram('mariadb'),
    user: unprivilegedUser('mysql'),
    stopSignal: 'SIGTERM',
    abortSignal: 'SIGKILL',
    args: ({ folder, port }) => [
      '--no-defaults',
      `--datadir=${join(folder, 'data')}`,
      `--socket=${join(folder, 'mariadb.sock')}`,
      `--pid-file=${join(folder, 'mariadb.pid')}`,
      `--tmpdir=${folder}`,
      `--init-file=${join(folder, 'init.sql')}`,
      `--port=${port}`,
      ...flags({ ...SETTINGS, ...settings }),
    ],
    isReady: (_, log) => log.includes('ready for connections'),
  }
}

export class MariadbServer extends DevServer {
  private constructor(recipe: Recipe, place: Place) {
    super(recipe, place.folder, place.port)
  }

  /** For a user with all rights. */
  get url(): string {
    return `mariadb://${USER}:${PASSWORD}@${this.address}/${DATABASE}`
  }

  static async start(options: MariadbOptions = {}): Promise<MariadbServer> {
    const recipe = recipeFor(options)
    const place = await newPlace(recipe.user, options.port)
    const { folder } = place
    try {
      writeFileSync(join(folder, 'init.sql'), INIT_SQL, { mode: 0o644 })
      const args = [
        '--no-defaults',
        `--datadir=${join(folder, 'data')}`,
        `--tmpdir=${folder}`,
        '--auth-root-authentication-method=normal',
        '--skip-name-resolve',
        '--skip-test-db',
        ...flags({ 'innodb-log-file-size': SETTINGS['innodb-log-file-size'], 'debug-no-sync': '1' }),
      ]
      const installer = serverProgram('mariadb', 'mariadb-install-db')
      await runProgram(installer, args, { cwd: folder, user: recipe.user })
    } catch (error) {
      await removeFolder(folder)
      throw error
    }
    return new MariadbServer(recipe, place).begin({ portIsFixed: options.port !== undefined })
  }
}

/** A private MariaDB; its data outlive a restart. */
export function startMariadb(options?: MariadbOptions): Promise<MariadbServer> {
  return MariadbServer.start(options)
}

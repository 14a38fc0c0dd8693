import { UsageError } from '@larder/example-environment'
import { parseArgs } from 'node:util'

export { UsageError }

export interface Command {
  /** The file to read in the place of the example's own. */
  readonly configFile: string | undefined
  /** Where the SQLite file is kept; a temporary folder where none is given. */
  readonly dataFolder: string | undefined
  readonly host: string
  /** An instance each, with connections of its own; 0 for a port that is free. */
  readonly ports: readonly number[]
  readonly seed: boolean
  readonly hashPassword: boolean
  readonly help: boolean
}

export const HELP = `Serves collections of Atom entries and media: RFC 5023, and pages for people.

  npx pnpm@12 --filter atom-store start [--port N] [--config FILE] [--data DIR]

  --port N         where it listens; default: 8080. Given twice, two instances
                   with connections of their own run on two ports
  --host NAME      default: 127.0.0.1, for this machine only
  --config FILE    collections, limits, users;
                   default: apps/atom-store/atom-store.json
  --data DIR       keeps the SQLite file in DIR;
                   default: a temporary folder, removed at the end
  --no-seed        leaves new collections empty
  --hash-password  reads a password and prints it as the configuration takes it
  --help, -h       prints this

Environment:
  DATABASE_URL      another database: postgres://, mysql://, mariadb:// or
                    sqlite:PATH
  MEMCACHE_SERVERS  memcached servers, as host:port separated by commas;
                    default: a private memcached if the program is installed,
                    else a cache inside of this process

Processes that share a database have to share the memcached servers as well.

Exit code: 0 done, 1 failed, 2 wrong arguments or configuration,
           130 stopped by Ctrl-C`

export function parseCommand(args: readonly string[], env: NodeJS.ProcessEnv): Command {
  const { values } = parse(args)
  if (values.data !== undefined && env['DATABASE_URL'])
    throw new UsageError('--data is for the SQLite file, but DATABASE_URL names another database')
  for (const name of ['data', 'config', 'host'] as const)
    if (values[name] === '') throw new UsageError(`--${name} is empty`)
  return {
    configFile: values.config,
    dataFolder: values.data,
    host: values.host ?? '127.0.0.1',
    ports: (values.port ?? ['8080']).map(portOf),
    seed: !(values['no-seed'] ?? false),
    hashPassword: values['hash-password'] ?? false,
    help: values.help ?? false,
  }
}

function portOf(text: string): number {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65_535) throw new UsageError(`--port ${text} is no port`)
  return port
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        port: { type: 'string', multiple: true },
        host: { type: 'string' },
        config: { type: 'string' },
        data: { type: 'string' },
        'no-seed': { type: 'boolean' },
        'hash-password': { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (cause) {
    const [problem = ''] = (cause as Error).message.split('. ')
    throw new UsageError(`${problem}; --help lists the options`, { cause })
  }
}

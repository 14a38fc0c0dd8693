import { UsageError } from '@larder/example-environment'
import { parseArgs } from 'node:util'

export interface Command {
  /** The folder to store; this repository's own files where none is given. */
  readonly folder: string | undefined
  /** Where the SQLite file is kept; a temporary folder where none is given. */
  readonly dataFolder: string | undefined
  /** A line for each file, once it is stored. */
  readonly verbose: boolean
  readonly help: boolean
}

export const HELP = `Stores the files of a folder in a database, and reads them back through a cache.
Your files are only read: what is edited or removed for show is what was stored.

  npx pnpm@12 start [FOLDER] [--data DIR] [--verbose]

  FOLDER      the files to store;
              default: the documentation and sources of this repository
  --data DIR  keeps the SQLite file in DIR;
              default: a temporary folder, removed at the end
  --verbose   prints a line for each file once it is stored
  --help, -h  prints this

Environment:
  DATABASE_URL      another database: postgres://, mysql://, mariadb:// or
                    sqlite:PATH
  MEMCACHE_SERVERS  memcached servers, as host:port separated by commas;
                    default: a private memcached if the program is installed,
                    else a cache inside of this process

Exit code: 0 done, 1 failed, 2 wrong arguments, 130 stopped by Ctrl-C,
           141 the output was closed`

export function parseCommand(args: readonly string[], env: NodeJS.ProcessEnv): Command {
  const { values, positionals } = parse(args)
  if (positionals.length > 1) throw new UsageError(`One folder at most, not ${positionals.length}`)
  if (values.data === '' || positionals[0] === '') throw new UsageError('The name of a folder is empty')
  if (values.data !== undefined && env['DATABASE_URL']) {
    throw new UsageError('--data is for the SQLite file, but DATABASE_URL names another database')
  }
  return {
    folder: positionals[0],
    dataFolder: values.data,
    verbose: values.verbose ?? false,
    help: values.help ?? false,
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        data: { type: 'string' },
        verbose: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (cause) {
    // Node goes on with advice on how to quote what begins with a dash.
    const [problem = ''] = (cause as Error).message.split('. ')
    throw new UsageError(`${problem}; --help lists the options`, { cause })
  }
}

import { UsageError } from '@larder/example-environment'
import { parseArgs } from 'node:util'

export interface Command {
  /** Whether tables and triggers are removed at the end. */
  readonly drop: boolean
  readonly help: boolean
}

export const HELP = `Asks for the five films with the highest rental rate, again and again: from the
database, from memcached, after an UPDATE by another program, after the TTL.

  npx pnpm@12 --filter cached-query start [--drop]

  --drop      removes film, inventory, rental and their triggers at the end
  --help, -h  prints this

Environment:
  DATABASE_URL      another database than a temporary SQLite file: postgres://,
                    mysql://, mariadb:// or sqlite:PATH; film, inventory and
                    rental are made there unless there is a film, and stay
  MEMCACHE_SERVERS  memcached servers, as host:port separated by commas;
                    default: a private memcached if the program is installed,
                    else a cache inside of this process

Two runs at a time on one database need the same MEMCACHE_SERVERS.

Exit code: 0 done, 1 failed, 2 wrong arguments, 130 stopped by Ctrl-C`

export function parseCommand(args: readonly string[]): Command {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { drop: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    })
    return { drop: values.drop ?? false, help: values.help ?? false }
  } catch (cause) {
    // Node goes on with advice on how to quote what begins with a dash.
    const [problem = ''] = (cause as Error).message.split('. ')
    throw new UsageError(`${problem}; --help lists the options`, { cause })
  }
}

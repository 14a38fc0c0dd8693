import { Command } from 'commander'
import { createRequire } from 'node:module'
import {
  addAudit,
  addExport,
  addGet,
  addImport,
  addLs,
  addMigrate,
  addPurge,
  addPut,
  addRelay,
  addRestored,
  addRm,
  addStat,
  addStats,
  addWarm,
} from './commands/index.js'
import { addCompletion } from './completion.js'
import { Context } from './context.js'
import type { ExitCode } from './exit-code.js'
import { Output } from './output.js'
import type { Act, Add } from './act.js'
import { type Flags, settingsOf } from './settings.js'
import type { ProcessIO } from './process-io.js'

const { version } = createRequire(import.meta.url)('../package.json') as { version: string }

const COMMANDS: readonly Add[] = Object.freeze([
  addLs,
  addGet,
  addPut,
  addRm,
  addStat,
  addImport,
  addExport,
  addWarm,
  addStats,
  addAudit,
  addMigrate,
  addRelay,
  addPurge,
  addRestored,
])

const AFTER_HELP = `
Settings come from flags, then the environment (DATABASE_URL, MEMCACHE_SERVERS, LARDER_KEY_PREFIX,
LARDER_TABLE_PREFIX, MEMCACHE_USERNAME, MEMCACHE_PASSWORD), then larder.json or the file of --config.

Exit codes: 0 done, 1 failed, 2 wrong arguments, 3 not found, 4 a condition did not hold,
5 the cache disagrees with the database, 130 and 143 stopped, 141 the output was closed.`

const DASH_HINT = '(A name that begins with a dash goes behind --)\n'

/** `onEnd` gets how the command ended, unless it throws. With `isJson` the program says nothing of its errors. */
export function makeProgram(io: ProcessIO, isJson: boolean, onEnd: (code: ExitCode) => void): Command {
  const { env, stdin, stdout, stderr, signal } = io
  const program = new Command('larder')
    .description('Looks at, fills and looks after a Larder storage.')
    .version(version)
    .option('-d, --database <url>', 'postgres://, mysql://, mariadb:// or sqlite:PATH')
    .option('-s, --servers <list>', 'memcached servers as host:port, with commas')
    .option('--key-prefix <text>', 'what the keys in memcached begin with; as your programs have it')
    .option('--table-prefix <text>', 'what the names of the tables begin with; as your programs have it')
    .option('--no-cache', 'asks and writes the database alone')
    .option('--config <file>', 'JSON with database, servers, keyPrefix, tablePrefix')
    .option('--json', 'results as JSON, one value a line')
    .addHelpText('after', AFTER_HELP)
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      // With --json, errors are printed where the command ends.
      writeErr: (text) => void (isJson || stderr.write(text)),
      outputError: (text, write) => write(/unknown option '-/.test(text) ? text + DASH_HINT : text),
    })
    .showHelpAfterError('(larder --help tells more)')
    .exitOverride()
  const act: Act =
    (work) =>
    async (...args) => {
      const flags = program.opts<Flags>()
      const output = new Output(stdout, stderr, flags.json === true, signal)
      const context = new Context(settingsOf(flags, env), output, stdin, signal)
      try {
        onEnd((await work(context, ...args)) ?? 0)
      } finally {
        await context.close()
      }
    }
  for (const add of COMMANDS) add(program, act)
  addCompletion(program, (text) => void stdout.write(text))
  for (const each of program.commands) each.exitOverride().copyInheritedSettings(program)
  return program
}

import { HELP, parseCommand, UsageError } from './command-line.js'
import { run } from './run.js'

const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const

/** Resolves to the exit code, once everything that was opened is closed. */
async function main(): Promise<number> {
  const { env, stdout: output, stderr } = process
  const stop = new AbortController()
  let stoppedWith = 0
  for (const [name, code] of Object.entries(SIGNALS)) {
    process.once(name, () => {
      stoppedWith = code
      stop.abort()
    })
  }
  try {
    const command = parseCommand(process.argv.slice(2), env)
    const say = (step: string, text: string): void => void output.write(`${step.padEnd(10)} ${text}\n`)
    if (command.help) output.write(HELP)
    else await run(command, { env, output, signal: stop.signal, say })
    return 0
  } catch (error) {
    if (stoppedWith > 0) {
      stderr.write('Stopped. What was stored until then is stored.\n')
      return stoppedWith
    }
    stderr.write(`${messageOf(error)}\n`)
    return error instanceof UsageError ? 2 : 1
  }
}

/** With its causes, since the first says what was wanted, and the last what went wrong. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message}\n  ${messageOf(error.cause)}` : error.message
}

process.exitCode = await main()

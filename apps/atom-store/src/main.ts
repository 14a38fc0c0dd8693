import { randomBytes } from 'node:crypto'
import { createInterface } from 'node:readline'
import { HELP, parseCommand, UsageError } from './command-line.js'
import { ConfigError } from './config.js'
import { hashPassword } from './http/auth.js'
import { run } from './run.js'

const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const

/** Resolves to the exit code, once everything that was opened is closed. */
async function main(): Promise<number> {
  const { env, stdout, stderr } = process
  const stop = new AbortController()
  let stoppedWith = 0
  for (const [name, code] of Object.entries(SIGNALS)) {
    // Only once: whoever asks for a second time does not want to wait for the tidying up.
    process.once(name, () => {
      stoppedWith ||= code
      stop.abort()
    })
  }
  try {
    const command = parseCommand(process.argv.slice(2), env)
    const say = (text: string): void => void stdout.write(`${text}\n`)
    const complain = (error: unknown): void => void stderr.write(`${messageOf(error)}\n`)
    if (command.help) stdout.write(HELP)
    else if (command.hashPassword) say(await hashPassword(await firstLine(), randomBytes(16)))
    else await run(command, { env, signal: stop.signal, say, complain })
    return stoppedWith
  } catch (error) {
    if (stoppedWith !== 0) return stoppedWith
    stderr.write(`${messageOf(error)}\n`)
    return error instanceof UsageError || error instanceof ConfigError ? 2 : 1
  }
}

async function firstLine(): Promise<string> {
  for await (const line of createInterface(process.stdin)) return line
  throw new UsageError('There is no password on the standard input')
}

/** With its causes, since the first says what was wanted, and the last what went wrong. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message}\n  ${messageOf(error.cause)}` : error.message
}

process.exitCode = await main()

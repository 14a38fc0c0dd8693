import { UsageError } from '@larder/example-environment'
import { HELP, parseCommand } from './command-line.js'
import { run } from './run.js'
import { lineOf } from './text.js'

const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const

/** As of a program that SIGPIPE has ended, which Node turns into an error: nobody reads on. */
const OUTPUT_CLOSED = 141

/** How long after the end a connection may hang that was given up. */
const HANG_MS = 200

/** Resolves to the exit code, once everything that was opened is closed. */
async function main(): Promise<number> {
  const { env, stdout: output, stderr } = process
  const stop = new AbortController()
  let stoppedWith = 0
  const stopWith = (code: number): void => {
    stoppedWith ||= code
    stop.abort()
  }
  // Only once: whoever asks for a second time does not want to wait for the tidying up.
  for (const [name, code] of Object.entries(SIGNALS)) process.once(name, () => stopWith(code))
  for (const stream of [output, stderr]) {
    stream.on('error', ({ code, message }: NodeJS.ErrnoException) => {
      if (stoppedWith === 0 && stream === output && code !== 'EPIPE') {
        stderr.write(`The output cannot be written: ${message}\n`)
      }
      stopWith(code === 'EPIPE' ? OUTPUT_CLOSED : 1)
      // The news may come after the last line of this function.
      process.exitCode = stoppedWith
    })
  }
  try {
    const command = parseCommand(process.argv.slice(2), env)
    const say = (step: string, text: string): void => void output.write(`${lineOf(step, text)}\n`)
    if (command.help) output.write(HELP)
    else await run(command, { env, output, signal: stop.signal, say })
    return stoppedWith
  } catch (error) {
    if (stoppedWith === 0) {
      stderr.write(`${messageOf(error)}\n`)
      return error instanceof UsageError ? 2 : 1
    }
    if (isSignal(stoppedWith)) stderr.write('Stopped.\n')
    return stoppedWith
  }
}

function isSignal(code: number): boolean {
  return Object.values<number>(SIGNALS).includes(code)
}

/** With its causes, since the first says what was wanted, and the last what went wrong. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // It says itself what is wrong with which argument.
  if (error instanceof UsageError) return error.message
  if (!(error.cause instanceof Error)) return error.message
  const cause = messageOf(error.cause)
  // Some quote their cause.
  return error.message.endsWith(cause) ? error.message : `${error.message}\n  ${cause}`
}

process.exitCode = await main()
// Everything is closed, but for an attempt to connect that was given up and cannot be called back.
setTimeout(() => process.exit(), HANG_MS).unref()

import { UsageError } from './usage-error.js'

const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const
/** What a shell reports for a program that SIGPIPE has ended: the reader of the output is gone. */
const OUTPUT_CLOSED = 141
/** How long an attempt to connect that was given up may keep the process alive. */
const HANG_MS = 200

/** What a program of this repository gets to work with. */
export interface ProcessIO {
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
  /** Aborted by the first signal, and when the output is closed. What has been opened is closed all the same. */
  readonly signal: AbortSignal
  /** Prints the text and a line break. */
  readonly print: (text: string) => void
}

/**
 * Runs a program to its end and sets the exit code of the process: 0 done, 1 failed, 2 wrong arguments (`UsageError`),
 * 129, 130 or 143 after a signal, 141 where the output was closed. A second signal ends the process at once.
 */
export async function runProgram(main: (io: ProcessIO) => Promise<void>): Promise<void> {
  const { argv, env, stdout, stderr } = process
  const stop = new AbortController()
  let stoppedWith = 0
  const stopWith = (code: number): void => {
    stoppedWith ||= code
    process.exitCode = stoppedWith
    stop.abort()
  }
  for (const [name, code] of Object.entries(SIGNALS)) process.once(name, () => stopWith(code))
  for (const stream of [stdout, stderr]) {
    stream.on('error', ({ code, message }: NodeJS.ErrnoException) => {
      const isClosed = code === 'EPIPE'
      if (stoppedWith === 0 && stream === stdout && !isClosed)
        stderr.write(`The output cannot be written: ${message}\n`)
      stopWith(isClosed ? OUTPUT_CLOSED : 1)
    })
  }
  try {
    const print = (text: string): void => void stdout.write(`${text}\n`)
    await main({ args: argv.slice(2), env, signal: stop.signal, print })
  } catch (error) {
    if (stoppedWith === 0) {
      stderr.write(`${messageOf(error)}\n`)
      process.exitCode = error instanceof UsageError ? 2 : 1
    } else if (Object.values<number>(SIGNALS).includes(stoppedWith)) {
      stderr.write('Stopped.\n')
    }
  }
  setTimeout(() => process.exit(), HANG_MS).unref()
}

/** The message of the error and of its causes, a line each. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof UsageError || !(error.cause instanceof Error)) return error.message
  const cause = messageOf(error.cause)
  // Some errors quote their cause.
  return error.message.endsWith(cause) ? error.message : `${error.message}\n  ${cause}`
}

#!/usr/bin/env node
import { setMaxListeners } from 'node:events'
import { ExitCode } from './exit-code.js'
import { run } from './run.js'

/** How long after the end a connection may hang that was given up. */
const HANG_MS = 200

const { env, stdin, stdout, stderr } = process
const stop = new AbortController()
// So many as there is work under way at once.
setMaxListeners(0, stop.signal)
let stoppedWith: ExitCode | undefined

function stopWith(code: ExitCode): void {
  stoppedWith ??= code
  process.exitCode = stoppedWith
  stop.abort()
}

// Only once: a second Ctrl-C ends the process without clean-up.
process.once('SIGINT', () => stopWith(ExitCode.interrupted))
process.once('SIGTERM', () => stopWith(ExitCode.terminated))
stderr.on('error', () => stopWith(ExitCode.failed))
stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
  // A disk that is full, say; who closes the output knows that.
  if (code !== 'EPIPE') stderr.write(`The output cannot be written: ${message}\n`)
  stopWith(code === 'EPIPE' ? ExitCode.outputClosed : ExitCode.failed)
})

const code = await run(process.argv.slice(2), { env, stdin, stdout, stderr, signal: stop.signal })
process.exitCode = stoppedWith ?? code
// Everything is closed, but for an attempt to connect that was given up and cannot be called back.
setTimeout(() => process.exit(), HANG_MS).unref()

#!/usr/bin/env node
import { ExitCode } from './exit-code.js'
import { run } from './run.js'

/** How long after the end a connection may hang that was given up. */
const HANG_MS = 200

const { env, stdin, stdout, stderr } = process
const stop = new AbortController()
let stoppedWith: ExitCode | undefined

function stopWith(code: ExitCode): void {
  stoppedWith ??= code
  process.exitCode = stoppedWith
  stop.abort()
}

// Only once: whoever asks for a second time does not want to wait for the tidying up.
process.once('SIGINT', () => stopWith(ExitCode.interrupted))
process.once('SIGTERM', () => stopWith(ExitCode.terminated))
for (const stream of [stdout, stderr]) {
  stream.on('error', ({ code }: NodeJS.ErrnoException) =>
    stopWith(code === 'EPIPE' ? ExitCode.outputClosed : ExitCode.failed),
  )
}

const code = await run(process.argv.slice(2), { env, stdin, stdout, stderr, signal: stop.signal })
process.exitCode = stoppedWith ?? code
// Everything is closed, but for an attempt to connect that was given up and cannot be called back.
setTimeout(() => process.exit(), HANG_MS).unref()

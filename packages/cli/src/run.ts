import { isStorageError } from '@larder/storage-core'
import { CommanderError } from 'commander'
import { ExitCode, UsageError } from './exit-code.js'
import { makeProgram } from './program.js'
import type { ProcessIO } from './process-io.js'

/** Runs the command with these arguments, as they follow its name. Never rejects. */
export async function run(args: readonly string[], io: ProcessIO): Promise<ExitCode> {
  let code: ExitCode = ExitCode.done
  // Looked for here, since what is wrong may stand before it.
  const end = args.indexOf('--')
  const isJson = args.slice(0, end === -1 ? args.length : end).includes('--json')
  const program = makeProgram(io, isJson, (ended) => {
    code = ended
  })
  try {
    await program.parseAsync(args, { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return ExitCode.done
    // For people the program has told it itself.
    if (error instanceof CommanderError && !isJson) return ExitCode.usage
    // The user who stopped it knows why it ended.
    if (io.signal.aborted) return ExitCode.interrupted
    io.stderr.write(`${isJson ? JSON.stringify({ error: described(error) }) : messageOf(error)}\n`)
    return codeOf(error)
  }
}

const OF_USAGE = [CommanderError, UsageError, RangeError, TypeError] as const

function isOfUsage(error: unknown): boolean {
  return OF_USAGE.some((kind) => error instanceof kind)
}

function codeOf(error: unknown): ExitCode {
  if (isOfUsage(error)) return ExitCode.usage
  if (isStorageError(error, 'E_BAD_REQUEST')) return ExitCode.usage
  if (isStorageError(error, 'E_NOT_FOUND')) return ExitCode.notFound
  if (isStorageError(error, 'E_PRECONDITION_FAILED')) return ExitCode.refused
  return ExitCode.failed
}

/** `code`: of a `StorageError` or of the system; `E_USAGE` for arguments and settings that make no sense. */
function described(error: unknown): object {
  const code =
    error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return { code: isOfUsage(error) ? 'E_USAGE' : code, message: messageOf(error) }
}

/** With its causes, since the first says what was wanted, and the last what went wrong. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof CommanderError)
    return error.code === 'commander.help' ? 'A command is needed' : error.message.replace(/^error: /, '')
  if (error instanceof UsageError || !(error.cause instanceof Error)) return error.message
  const cause = messageOf(error.cause)
  // Some quote their cause.
  return error.message.includes(cause) ? error.message : `${error.message}: ${cause}`
}

import type { Readable } from 'node:stream'
import type { Terminal } from './output.js'

/** What the command is given to work with. */
export interface ProcessIO {
  readonly env: NodeJS.ProcessEnv
  readonly stdin: Readable
  readonly stdout: Terminal
  readonly stderr: Terminal
  /** Stops the work; what was opened is closed all the same. */
  readonly signal: AbortSignal
}

/**
 * The `larder` command as a function, for programs that want to run it in their own process.
 *
 * @packageDocumentation
 */

export { ExitCode } from './exit-code.js'
export type { Terminal } from './output.js'
export { run } from './run.js'
export type { ProcessIO } from './process-io.js'

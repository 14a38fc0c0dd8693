import type { Command } from 'commander'
import type { Context } from './context.js'
import type { ExitCode } from './exit-code.js'

/** Makes the action of a command of a function that takes its arguments and options behind the context. */
export type Act = <Args extends readonly unknown[]>(
  work: (context: Context, ...args: Args) => Promise<ExitCode | void>,
) => (...args: Args) => Promise<void>

/** Adds a command to the program. */
export type Add = (program: Command, act: Act) => void

/** How the command ended, for scripts. */
export const ExitCode = Object.freeze({
  done: 0,
  /** Something went wrong; the message says what. */
  failed: 1,
  /** Arguments or settings that make no sense; nothing was done. */
  usage: 2,
  /** What was asked for is not there. */
  notFound: 3,
  /** A condition did not hold (`--if-match`, `--new`); nothing was written. */
  refused: 4,
  /** The audit found that the cache does not tell the truth. */
  disagrees: 5,
  interrupted: 130,
  terminated: 143,
  /** Nobody reads the output any more, as of a program that SIGPIPE has ended. */
  outputClosed: 141,
})

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

/** The caller asked for something that makes no sense; nothing was done. */
export class UsageError extends Error {}

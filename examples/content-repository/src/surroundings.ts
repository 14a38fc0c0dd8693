/** What the program is given to work with. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv
  readonly output: NodeJS.WriteStream
  /** Stops the work; what has been opened is closed all the same. */
  readonly signal: AbortSignal
  /** Prints a line with the name of its step in front. */
  readonly say: (step: string, text: string) => void
}

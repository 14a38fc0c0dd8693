/** What the library asks of the world beside caches and storages, so that a simulation can put its own in place. */
export interface Environment {
  /** Monotonic, in milliseconds, on the scale of `performance.now()`. */
  now(): number
  /**
   * Milliseconds since 1970, by a clock that the machines share as well as they can. It only tells how long ago a
   * value was read; no order is ever concluded from it.
   */
  wallClock(): number
  /** From 0 up to, not including, 1. */
  random(): number
  /** Resolves after that many milliseconds. Keeps the process alive. */
  sleep(ms: number): Promise<void>
  /** The same for work that nobody waits for: it does not keep the process alive. */
  idle(ms: number): Promise<void>
  /** An identifier that nobody else has: letters, digits, `-` and `_`. */
  uniqueId(): string
  /** Calls back after the current turn of the event loop, so that commands of one turn leave in one write. */
  defer(callback: () => void): void
}

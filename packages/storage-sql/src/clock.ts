/** Gives instants in microseconds since 1970; each is later than the one before. */
export type Clock = () => number

/**
 * Microseconds out of a clock of milliseconds, so that writes keep their order within a millisecond. The real clock's
 * microseconds are used while they agree with it.
 */
export function microClock(now: (() => number) | undefined): Clock {
  let last = 0
  return () => {
    const read = now === undefined ? systemMicros() : Math.floor(now() * 1_000)
    last = Math.max(read, last + 1)
    return last
  }
}

function systemMicros(): number {
  const wallMs = Date.now()
  const preciseMs = performance.timeOrigin + performance.now()
  // The precise clock does not follow when the system's clock is set.
  return Math.floor((Math.abs(preciseMs - wallMs) < 2 ? preciseMs : wallMs) * 1_000)
}

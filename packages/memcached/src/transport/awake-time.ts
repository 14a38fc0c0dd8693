/** A timer that is late by no more than this tells nothing: a busy machine delays them so. */
const USUAL_DELAY_MS = 20
const MIN_SLICE_MS = 5
const MAX_SLICE_MS = 100
/** A standstill costs a deadline at most the slice in which it begins. */
const SLICES = 8

let standstillMs = 0
let countedUntil = 0

/**
 * `performance.now()` without the time in which the event loop stood still, as far as timers noticed it. The
 * loop runs timers before it reads sockets: by the wall clock, a process that stood still for longer than a time-out
 * would give up servers whose answers lie in its sockets.
 */
export function awakeNow(): number {
  return performance.now() - standstillMs
}

/**
 * To be called by a timer that was due at `dueAt` on the clock of `performance.now()`. Calls `look` once the sockets were
 * read. The loop may stand still before the timer, and between the timer and `look`.
 */
export function afterReading(dueAt: number, look: () => void): void {
  noteStandstill(dueAt)
  const firedAt = performance.now()
  setImmediate(() => {
    noteStandstill(firedAt)
    look()
  })
}

function noteStandstill(dueAt: number): void {
  const now = performance.now()
  const since = Math.max(dueAt, countedUntil)
  if (now - since <= USUAL_DELAY_MS) return
  standstillMs += now - since
  countedUntil = now
}

/** How long a timer of a deadline may run before it looks for a standstill. */
export function sliceOf(timeoutMs: number): number {
  return Math.min(MAX_SLICE_MS, Math.max(MIN_SLICE_MS, timeoutMs / SLICES))
}

/**
 * Calls `passed` once, after `ms` in which the event loop was not at a standstill, and after the sockets were read.
 * The timer keeps no process alive. Returns what stops it.
 */
export function afterAwakeTime(ms: number, passed: () => void): () => void {
  const sliceMs = sliceOf(ms)
  const deadline = awakeNow() + ms
  let timer: NodeJS.Timeout
  let isStopped = false
  const look = () => {
    if (isStopped) return
    if (awakeNow() >= deadline) passed()
    else start()
  }
  const start = () => {
    const delayMs = Math.max(1, Math.ceil(Math.min(sliceMs, deadline - awakeNow())))
    const dueAt = performance.now() + delayMs
    timer = setTimeout(() => afterReading(dueAt, look), delayMs).unref()
  }
  start()
  return () => {
    isStopped = true
    clearTimeout(timer)
  }
}

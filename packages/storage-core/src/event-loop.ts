const LONGEST_HOLD_MS = 10
const MASK = 15

// Node's own, before fake timers replace it.
const { setImmediate, performance } = globalThis

let lastTurn = performance.now()
let turn: Promise<void> | undefined
let calls = 0

/**
 * For work that never waits for I/O: awaited calls of it, one after the other, let no timer fire and no socket be read.
 * Undefined while the event loop had a turn within the last 10 ms; else what resolves once it had one. All who ask
 * meanwhile share that turn.
 */
export function eventLoopTurn(): Promise<void> | undefined {
  if (turn !== undefined) return turn
  if (performance.now() - lastTurn < LONGEST_HOLD_MS) return undefined
  turn = new Promise((resolve) => {
    setImmediate(() => {
      lastTurn = performance.now()
      turn = undefined
      resolve()
    })
  })
  return turn
}

/** The same for calls of a microsecond, where a look at the clock would cost too much: one in 16 looks. */
export function frequentTurn(): Promise<void> | undefined {
  if (turn !== undefined) return turn
  return (++calls & MASK) === 0 ? eventLoopTurn() : undefined
}

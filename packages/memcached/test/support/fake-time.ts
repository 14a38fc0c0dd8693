import { setImmediate as turn } from 'node:timers/promises'
import { vi } from 'vitest'

const STEP_MS = 10

/**
 * Lets so much time of vitest's clock pass, or less once `isOver`, with a turn of the event loop every 10 ms. In one step
 * it would be a standstill of the process, which counts for no deadline.
 */
export async function passTime(ms: number, isOver: () => boolean = () => false): Promise<void> {
  for (let passedMs = 0; passedMs < ms && !isOver(); passedMs += STEP_MS) {
    vi.advanceTimersByTime(STEP_MS)
    await turn()
  }
}

import { randomBytes } from 'node:crypto'
import type { Environment } from './environment.js'

/** Some 25 days. Of more, Node would make a millisecond. */
const LONGEST_TIMER_MS = 2_147_483_647

/** The clock, chance and timers of this process. */
export const systemEnvironment: Environment = Object.freeze({
  now: () => performance.now(),
  wallClock: () => Date.now(),
  random: () => Math.random(),
  sleep: (ms: number) =>
    new Promise<void>((resolve) => {
      setTimeout(resolve, Math.min(ms, LONGEST_TIMER_MS))
    }),
  idle: (ms: number) =>
    new Promise<void>((resolve) => {
      setTimeout(resolve, Math.min(ms, LONGEST_TIMER_MS)).unref()
    }),
  uniqueId: () => randomBytes(12).toString('base64url'),
  defer: (callback: () => void) => {
    process.nextTick(callback)
  },
})

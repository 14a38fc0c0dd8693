import { randomBytes } from 'node:crypto'
import type { Environment } from './environment.js'

export const systemEnvironment: Environment = Object.freeze({
  now: () => performance.now(),
  wallClock: () => Date.now(),
  random: () => Math.random(),
  sleep: (ms: number) =>
    new Promise<void>((resolve) => {
      setTimeout(resolve, ms)
    }),
  idle: (ms: number) =>
    new Promise<void>((resolve) => {
      setTimeout(resolve, ms).unref()
    }),
  uniqueId: () => randomBytes(12).toString('base64url'),
  defer: (callback: () => void) => {
    process.nextTick(callback)
  },
})

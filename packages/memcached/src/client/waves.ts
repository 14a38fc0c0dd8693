import { isStorageError } from '@larder/storage-core/base'
import { setTimeout as pause } from 'node:timers/promises'
import type { ChannelOptions } from '../transport/options.js'

/** More at once gains nothing: the connection is busy, and each command has its own time-out. */
const MAX_WAVE = 1_000
const MAX_PAUSE_MS = 16
const DEFAULT_PATIENCE_MS = 500

/** How many commands a batch sends at once. Half of each connection's queue is left to other callers. */
export function waveSizeOf({ maxQueuedCommands, connectionsPerServer }: QueueLimits): number {
  return Math.max(1, Math.min(MAX_WAVE, Math.floor(maxQueuedCommands / connectionsPerServer / 2)))
}

/** Whether the command was not sent because the queue was full. Nothing has happened: it can be sent again. */
export function isRefused(error: unknown): boolean {
  return isStorageError(error, 'E_OVERLOADED')
}

/**
 * Sends the members of a batch, so many at a time. `send` resolves to the members that found the queue full: they are
 * sent again until none is left or nothing got through for `patienceMs`. From then on each is sent once.
 */
export async function inWaves<Member>(
  members: readonly Member[],
  { waveSize = MAX_WAVE, timeoutMs: patienceMs = DEFAULT_PATIENCE_MS }: Pace,
  send: (wave: readonly Member[]) => Promise<readonly Member[]>,
): Promise<void> {
  let refusedSince: number | undefined
  for (let start = 0; start < members.length; start += waveSize) {
    let wave = members.slice(start, start + waveSize)
    for (let pauseMs = 1; wave.length > 0; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
      const refused = await send(wave)
      if (refused.length < wave.length) refusedSince = undefined
      if (refused.length === 0) break
      refusedSince ??= performance.now()
      if (performance.now() - refusedSince >= patienceMs) break
      await pause(pauseMs)
      wave = [...refused]
    }
  }
}

type QueueLimits = Pick<ChannelOptions, 'maxQueuedCommands' | 'connectionsPerServer'>

/** What a cache says about its batches. */
export interface Pace {
  /** Default: 1,000. */
  readonly waveSize?: number | undefined
  readonly timeoutMs?: number | undefined
}

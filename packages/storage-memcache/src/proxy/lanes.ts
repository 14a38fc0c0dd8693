import type { Paced } from './promises.js'

const MAX_LANES = 100
/** Both parts of a resource and what lists it. */
const COMMANDS_AT_ONCE = 4

/** The lane of the resource at `index` in a transaction: the lanes send to the cache side by side, each in turn. */
export function laneOf(index: number, { waveSize = Infinity }: Paced): string {
  const lanes = Math.max(1, Math.min(MAX_LANES, Math.floor(waveSize / COMMANDS_AT_ONCE)))
  return String(index % lanes)
}

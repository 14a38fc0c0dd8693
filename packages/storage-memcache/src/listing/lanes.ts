const LANES = 100

/** The lane of the resource at `index` in a transaction: the lanes send to the cache side by side, each in turn. */
export function laneOf(index: number): string {
  return String(index % LANES)
}

/** Points of servers on a circle of 32 bits, in ascending order. */
export interface Continuum {
  readonly points: Uint32Array
  /** The index of the server that each point belongs to. */
  readonly servers: Uint32Array
  /** For each value of a hash's upper bits the first point that may be its own: where a search begins. */
  readonly starts: Uint32Array
}

/** Leaves one or two of the points of a dozen servers to search. */
const START_BITS = 12

/** Which server index a point is for is written into the lower bits of one number that holds both. */
const MAX_SERVERS = 2 ** 20

/** Collects points in any order. Of two servers with the same point the one of the lower index comes first. */
export class ContinuumBuilder {
  readonly #pairs: number[] = []

  add(point: number, server: number): void {
    this.#pairs.push(point * MAX_SERVERS + server)
  }

  build(): Continuum {
    // Numbers in a typed array sort several times as fast as objects by a comparison.
    const sorted = Float64Array.from(this.#pairs).sort()
    const points = Uint32Array.from(sorted, (pair) => Math.floor(pair / MAX_SERVERS))
    const servers = Uint32Array.from(sorted, (pair) => pair % MAX_SERVERS)
    return { points, servers, starts: startsOf(points) }
  }
}

/** The server of the first point at or after `hash`, around the circle. */
export function serverAt({ points, servers, starts }: Continuum, hash: number): number {
  const upper = hash >>> (32 - START_BITS)
  let low = starts[upper] ?? 0
  let high = starts[upper + 1] ?? points.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((points[middle] ?? 0) < hash) low = middle + 1
    else high = middle
  }
  return servers[low === points.length ? 0 : low] ?? 0
}

function startsOf(points: Uint32Array): Uint32Array {
  const starts = new Uint32Array(2 ** START_BITS)
  let index = 0
  for (let upper = 0; upper < starts.length; upper++) {
    while (index < points.length && (points[index] ?? 0) >>> (32 - START_BITS) < upper) index++
    starts[upper] = index
  }
  return starts
}

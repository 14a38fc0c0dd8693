/** Points of servers on a circle of 32 bits, in ascending order. */
export interface Continuum {
  readonly points: Uint32Array
  /** The index of the server that each point belongs to. */
  readonly servers: Uint32Array
}

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
    return {
      points: Uint32Array.from(sorted, (pair) => Math.floor(pair / MAX_SERVERS)),
      servers: Uint32Array.from(sorted, (pair) => pair % MAX_SERVERS),
    }
  }
}

/** The server of the first point at or after `hash`, around the circle. */
export function serverAt({ points, servers }: Continuum, hash: number): number {
  let low = 0
  let high = points.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((points[middle] ?? 0) < hash) low = middle + 1
    else high = middle
  }
  return servers[low === points.length ? 0 : low] ?? 0
}

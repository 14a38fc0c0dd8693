import type { CasToken } from '@larder/memcached'

/** A read of what is behind the cache, shared by those callers of this process that may see its result. */
export interface Flight<T> {
  /** The tick of the reader's clock when what is behind was asked; undefined before. */
  readAt: number | undefined
  /** Of the lease that it fills under, where it does. */
  token: CasToken | undefined
  result: Promise<T>
}

/** What a look has found, as far as it matters here. */
interface Found {
  readonly kind: string
  readonly token?: CasToken
}

const PENDING = new Promise<never>(() => undefined)

/** The reads of what is behind the cache that are under way, one for each key. */
export class Flights<T> {
  readonly #known: 'first' | 'last'
  readonly #flights = new Map<string, Flight<T>>()
  readonly #waiting = new Map<string, Set<(flight: Flight<T>) => void>>()

  /** `known`: which one callers share, where several of a key are under way. */
  constructor(known: 'first' | 'last') {
    this.#known = known
  }

  has(key: string): boolean {
    return this.#flights.has(key)
  }

  /**
   * The flight that may answer a caller who came at that tick: one that asked later; and also one whose own lease
   * that caller has just seen standing, since nothing can have changed while it stood.
   */
  visible(key: string, found: Found, startedAt: number): Flight<T> | undefined {
    const flight = this.#flights.get(key)
    if (flight === undefined) return undefined
    if (flight.readAt === undefined || flight.readAt > startedAt) return flight
    const isOwn = found.kind === 'lease' && found.token !== undefined && flight.token?.equals(found.token)
    return isOwn === true ? flight : undefined
  }

  async fly(key: string, run: (flight: Flight<T>) => Promise<T>): Promise<T> {
    const flight: Flight<T> = { readAt: undefined, token: undefined, result: PENDING }
    if (this.#known === 'last' || !this.#flights.has(key)) this.#flights.set(key, flight)
    flight.result = run(flight)
    for (const wake of this.#waiting.get(key) ?? []) wake(flight)
    try {
      return await flight.result
    } finally {
      if (this.#flights.get(key) === flight) this.#flights.delete(key)
    }
  }

  /**
   * The next flight of that key, which everybody may see who waits for it; undefined if the pause ends before, or the
   * flight that is under way.
   */
  async next(key: string, pause: Promise<unknown>): Promise<Flight<T> | undefined> {
    const waiting = this.#waiting.get(key) ?? new Set()
    this.#waiting.set(key, waiting)
    let wake: (flight: Flight<T> | undefined) => void = () => undefined
    const begun = new Promise<Flight<T> | undefined>((resolve) => (wake = resolve))
    waiting.add(wake)
    const end = () => {
      wake(undefined)
    }
    this.#flights.get(key)?.result.then(end, end)
    try {
      return await Promise.race([pause.then(() => undefined), begun])
    } finally {
      waiting.delete(wake)
      if (waiting.size === 0) this.#waiting.delete(key)
    }
  }
}

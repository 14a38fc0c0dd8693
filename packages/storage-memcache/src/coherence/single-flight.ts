import type { CasToken } from '@larder/memcached'
import type { Fence } from './slot.js'

/** A read of the source, shared by those callers of this process that may use its result. */
export interface Run<T> {
  /** The reader's clock when the source was asked; undefined before. */
  readAt: number | undefined
  /** Of the fill lease that it holds, if it does. */
  token: CasToken | undefined
  result: Promise<T>
}

/** What a lookup has found, as far as it matters here. */
interface Found {
  readonly kind: string
  readonly fence?: Fence
}

const PENDING = new Promise<never>(() => undefined)

/** The reads of the source that are under way, one for each key. */
export class SingleFlight<T> {
  readonly #known: 'first' | 'last'
  readonly #runs = new Map<string, Run<T>>()
  readonly #waiting = new Map<string, Set<(run: Run<T>) => void>>()

  /** `known`: which one callers share, where several of a key are under way. */
  constructor(known: 'first' | 'last') {
    this.#known = known
  }

  has(key: string): boolean {
    return this.#runs.has(key)
  }

  /**
   * The run that may answer a caller who came at that time of the reader's clock: one that asked the source later; and
   * also one whose own lease that caller has just seen, since nothing can have changed while it stood.
   */
  joinable(key: string, found: Found, startedAt: number): Run<T> | undefined {
    const run = this.#runs.get(key)
    if (run === undefined) return undefined
    if (run.readAt === undefined || run.readAt > startedAt) return run
    const seen = found.kind === 'leased' ? found.fence?.token : undefined
    return seen !== undefined && run.token?.equals(seen) === true ? run : undefined
  }

  async run(key: string, work: (run: Run<T>) => Promise<T>): Promise<T> {
    const run: Run<T> = { readAt: undefined, token: undefined, result: PENDING }
    if (this.#known === 'last' || !this.#runs.has(key)) this.#runs.set(key, run)
    run.result = work(run)
    for (const wake of this.#waiting.get(key) ?? []) wake(run)
    try {
      return await run.result
    } finally {
      if (this.#runs.get(key) === run) this.#runs.delete(key)
    }
  }

  /** The next run of that key, which every waiting caller may join; undefined if the pause, or the run under way, ends first. */
  async next(key: string, pause: Promise<unknown>): Promise<Run<T> | undefined> {
    const waiting = this.#waiting.get(key) ?? new Set()
    this.#waiting.set(key, waiting)
    let wake: (run: Run<T> | undefined) => void = () => undefined
    const begun = new Promise<Run<T> | undefined>((resolve) => (wake = resolve))
    waiting.add(wake)
    const end = () => {
      wake(undefined)
    }
    this.#runs.get(key)?.result.then(end, end)
    try {
      return await Promise.race([pause.then(() => undefined), begun])
    } finally {
      waiting.delete(wake)
      if (waiting.size === 0) this.#waiting.delete(key)
    }
  }
}

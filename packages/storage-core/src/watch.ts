import { type Channel, channel } from 'node:diagnostics_channel'

/** Work that takes time. The same object is published when it begins and when it has ended. */
export interface WorkEvent {
  /** Who does it, as OpenTelemetry's `db.system.name`: `'memcached'`, `'postgresql'`, `'mysql'`, `'sqlite'` and so on. */
  readonly system: string
  readonly operation: string
  /** How many keys, resources or statements it is about. */
  readonly items: number
  /** When it began, in milliseconds since 1970. */
  readonly startedAtMs: number
  /** Undefined until it has ended. */
  durationMs: number | undefined
  /** What it was rejected with; undefined where it was not. */
  error: unknown
  /**
   * May be set by whoever is told of the beginning, to run the work inside of something, such as a context. Must call
   * `work` once and return what that returns. One that is set already must be called inside or outside of the new one.
   */
  around: (<T>(work: () => T) => T) | undefined
}

/** A call of a storage. */
export interface CallEvent extends WorkEvent {
  readonly collection: string | undefined
  /** Undefined where it is about a collection, or about several resources. */
  readonly resource: string | undefined
}

/** What a server is asked: a command of memcached, or a statement of a database. */
export interface RequestEvent extends WorkEvent {
  /** `host:port`, or the path of a socket, where it is known. */
  readonly server: string | undefined
  /** SQL, without the values; several statements that are sent together with `; ` between them. */
  readonly statement: string | undefined
}

/** A counter that has grown. */
export interface CountEvent {
  /** What counts, such as `'storage'` for the `counters()` of a `MemcacheStorage`. */
  readonly counters: string
  /** Of whom: keys in the cache begin so. */
  readonly namespace: string
  readonly counter: string
  readonly by: number
}

/** The names of the channels of `node:diagnostics_channel`. */
export const CALL_CHANNEL = 'larder:call'
/** The name of the `node:diagnostics_channel` on which a `RequestEvent` is published. */
export const REQUEST_CHANNEL = 'larder:request'
/** The name of the `node:diagnostics_channel` on which a `CountEvent` is published. */
export const COUNT_CHANNEL = 'larder:count'

/** The channel on which the beginnings of what `name` tells the ends of are published. */
export function startOf(name: string): string {
  return `${name}:start`
}

/** Publishes work of one kind. Costs nothing where nobody listens. */
export class WorkChannel<E extends WorkEvent> {
  readonly #started: Channel
  readonly #ended: Channel

  constructor(name: string) {
    this.#started = channel(startOf(name))
    this.#ended = channel(name)
  }

  /** To be asked first: who does not listen shall not pay for `run`. */
  get isWatched(): boolean {
    return this.#ended.hasSubscribers || this.#started.hasSubscribers
  }

  async run<T>(told: Omit<E, Exclude<keyof WorkEvent, Told>>, work: () => Promise<T>): Promise<T> {
    const begun = { startedAtMs: Date.now(), durationMs: undefined, error: undefined, around: undefined }
    const event: WorkEvent = { ...(told as Pick<WorkEvent, Told>), ...begun }
    if (this.#started.hasSubscribers) this.#started.publish(event)
    const start = performance.now()
    try {
      return await (event.around === undefined ? work() : event.around(work))
    } catch (error) {
      event.error = error
      throw error
    } finally {
      event.durationMs = performance.now() - start
      this.#ended.publish(event)
    }
  }
}

type Told = 'system' | 'operation' | 'items'

/** Tells of calls of storages on `CALL_CHANNEL`. */
export const watchedCalls = new WorkChannel<CallEvent>(CALL_CHANNEL)
/** Tells of requests to servers on `REQUEST_CHANNEL`. */
export const watchedRequests = new WorkChannel<RequestEvent>(REQUEST_CHANNEL)

const counts = channel(COUNT_CHANNEL)

/** The same counters; where somebody listens, each change of theirs is published. */
export function watchedCounters<C extends object>(
  { counters, namespace }: Pick<CountEvent, 'counters' | 'namespace'>,
  initial: C,
): C {
  const watched = {} as C
  for (const [counter, first] of Object.entries(initial) as [string, number][]) {
    let value = first
    const set = (next: number) => {
      const by = next - value
      value = next
      if (counts.hasSubscribers) counts.publish({ counters, namespace, counter, by } satisfies CountEvent)
    }
    Object.defineProperty(watched, counter, { enumerable: true, get: () => value, set })
  }
  return watched
}

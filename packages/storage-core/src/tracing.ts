import { channel, tracingChannel, type TracingChannel } from 'node:diagnostics_channel'

/** Work that takes time. All messages of one piece of work carry the same object. */
export interface WorkEvent {
  /** What does the work, as OpenTelemetry's `db.system.name`: `'memcached'`, `'postgresql'`, `'mysql'`, `'sqlite'`. */
  readonly system: string
  readonly operation: string
  /** How many keys, resources or statements it is about. */
  readonly items: number
  /** Milliseconds since 1970. */
  readonly startedAtMs: number
  /** Undefined until the work has ended. */
  durationMs: number | undefined
  /** What the work rejected with; undefined where it did not reject. */
  error: unknown
}

/** A call of a storage. */
export interface CallEvent extends WorkEvent {
  readonly collection: string | undefined
  /** Undefined where the call is about a collection, or about several resources. */
  readonly resource: string | undefined
}

/** A request to a server: a command of memcached, or a statement of a database. */
export interface RequestEvent extends WorkEvent {
  /** `host:port`, or the path of a socket, where it is known. */
  readonly server: string | undefined
  /** SQL without values; `; ` separates statements that are sent together. */
  readonly statement: string | undefined
}

/** A counter that has grown. */
export interface CountEvent {
  /** What counts, such as `'storage'` for the `counters()` of a `MemcacheStorage`. */
  readonly counters: string
  /** What the keys of the counting object begin with. */
  readonly keyPrefix: string
  readonly counter: string
  readonly by: number
}

/**
 * A `TracingChannel` of `node:diagnostics_channel`, whose messages are `E`. Both type arguments are, as their order
 * is not the same in all versions of Node's types: a store of another type needs a cast.
 */
export type WorkChannel<E extends WorkEvent> = TracingChannel<E, E>

/** The tracing channel `larder:call`: calls of storages. */
export const callChannel: WorkChannel<CallEvent> = tracingChannel<CallEvent, CallEvent>('larder:call')
/** The tracing channel `larder:request`: requests to servers. */
export const requestChannel: WorkChannel<RequestEvent> = tracingChannel<RequestEvent, RequestEvent>(
  'larder:request',
)
/** The channel `larder:count`, on which a `CountEvent` is published for each step of a counter. */
export const countChannel = channel('larder:count')

/** What the caller of `traceWork` knows: the rest is measured. */
export type TracedFields<E extends WorkEvent> = Omit<E, 'startedAtMs' | 'durationMs' | 'error'>

/**
 * Runs the work and publishes its events. Ask `hasSubscribers` of the channel first, so that work that nobody traces
 * costs nothing.
 */
export function traceWork<E extends WorkEvent, T>(
  work: WorkChannel<E>,
  fields: TracedFields<E>,
  run: () => Promise<T>,
): Promise<T> {
  const times = { startedAtMs: Date.now(), durationMs: undefined as number | undefined, error: undefined }
  const event = { ...fields, ...times } as unknown as E
  const start = performance.now()
  const timed = async (): Promise<T> => {
    try {
      return await run()
    } finally {
      event.durationMs = performance.now() - start
    }
  }
  return work.tracePromise(timed, event)
}

/** The same counters; each change is published while `countChannel` has subscribers. */
export function watchedCounters<C extends object>(
  { counters, keyPrefix }: Pick<CountEvent, 'counters' | 'keyPrefix'>,
  initial: C,
): C {
  const watched = {} as C
  for (const [counter, first] of Object.entries(initial) as [string, number][]) {
    let value = first
    const set = (next: number) => {
      const by = next - value
      value = next
      if (countChannel.hasSubscribers)
        countChannel.publish({ counters, keyPrefix, counter, by } satisfies CountEvent)
    }
    Object.defineProperty(watched, counter, { enumerable: true, get: () => value, set })
  }
  return watched
}

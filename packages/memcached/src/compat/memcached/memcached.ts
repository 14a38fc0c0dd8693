import { DEFAULTS, type Config, type MemcachedOptions } from './options.js'
import { KeyCommands, type Callback } from './key-commands.js'
import { VALIDATE } from './query.js'
import type { ListCallback } from './runner.js'
import { addressFor, type Location } from './servers.js'
import { dumpOf, statisticsOf, versionOf } from './statistics.js'
import type { DumpedItem, ServerVersion, Statistics } from './statistics.js'

type StatTopic = Parameters<typeof statisticsOf>[0]

/**
 * The client of npm `memcached` 2.2 over the connections of this package: its methods, options, events, results and
 * values, and the servers that it chooses for keys.
 */
export class Memcached extends KeyCommands {
  /** The options of clients that do not set their own. */
  static config: Config = { ...DEFAULTS }

  /** Connects with the first command. Throws `TypeError` or `RangeError` for servers that are no addresses. */
  constructor(servers?: Location, options?: MemcachedOptions) {
    const set = Object.entries(options ?? {}).filter(([, value]) => value !== undefined)
    super(servers, { ...Memcached.config, ...(Object.fromEntries(set) as MemcachedOptions) })
  }

  version(callback?: ListCallback<Error, ServerVersion[]>): void {
    this.each(callback, async (server, address) =>
      versionOf(address, await server.askServer({ kind: 'version' })),
    )
  }

  flush(callback?: ListCallback<Error, true[]>): void {
    this.each(callback, (server) => server.askServer({ kind: 'flushAll', delaySeconds: 0 }))
  }

  stats(callback?: ListCallback<Error, Statistics[]>): void {
    this.#statistics('', callback)
  }

  settings(callback?: ListCallback<Error, Statistics[]>): void {
    this.#statistics('settings', callback)
  }

  slabs(callback?: ListCallback<Error, Statistics[]>): void {
    this.#statistics('slabs', callback)
  }

  items(callback?: ListCallback<Error, Statistics[]>): void {
    this.#statistics('items', callback)
  }

  /** The keys of a slab class of one server; `number` 0 for as many as the server gives. */
  cachedump(
    server: string,
    slabid: number,
    number: number,
    callback?: Callback<DumpedItem | DumpedItem[] | undefined>,
  ): void {
    const topic = `cachedump ${slabid} ${number}`
    const type = 'stats cachedump'
    const query = { type, slabid, number, command: `stats ${topic}`, callback, validate: VALIDATE.dump }
    this.run(
      query,
      async (asked) => ({ data: dumpOf(await asked.askServer({ kind: 'stats', topic })) }),
      addressFor(server),
    )
  }

  /** As `incr`. */
  increment(key: string, amount: number, callback?: Callback<number | false>): void {
    this.incr(key, amount, callback)
  }

  /** As `decr`. */
  decrement(key: string, amount: number, callback?: Callback<number | false>): void {
    this.decr(key, amount, callback)
  }

  /** As `del`. */
  delete(key: string, callback?: Callback<boolean>): void {
    this.del(key, callback)
  }

  /** As `flush`. */
  flushAll(callback?: ListCallback<Error, true[]>): void {
    this.flush(callback)
  }

  /** As `settings`. */
  statsSettings(callback?: ListCallback<Error, Statistics[]>): void {
    this.settings(callback)
  }

  /** As `slabs`. */
  statsSlabs(callback?: ListCallback<Error, Statistics[]>): void {
    this.slabs(callback)
  }

  /** As `items`. */
  statsItems(callback?: ListCallback<Error, Statistics[]>): void {
    this.items(callback)
  }

  #statistics(topic: StatTopic, callback: ListCallback<Error, Statistics[]> | undefined): void {
    this.each(callback, async (server, address) =>
      statisticsOf(topic, address, await server.askServer({ kind: 'stats', topic })),
    )
  }
}

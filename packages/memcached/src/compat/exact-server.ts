import { createServers, type RemoteCacheOptions, resolveRemoteOptions, ServerSet } from '../client/index.js'
import { CALL_OPTIONS } from '../cache-options.js'
import type { CacheBatch } from '../cache.js'
import type { Command, KeyCommand, ResultOf, ServerCommand, WireKey } from '../transport/index.js'

const MAX_EXPTIME = 0x7fff_ffff
/** A second of January 1970: what expires then is gone at once. */
const LONG_PAST = 2_592_001

/**
 * One memcached server, in the terms of its protocol: expiry times as the server reads them, and flags. The clients for
 * compatibility choose the server of a key themselves, and keep times to live exactly as their originals send them.
 */
export class ExactServer {
  readonly #address: string
  readonly #options: RemoteCacheOptions
  #set: ServerSet | undefined

  /** Connects with the first command. Throws `TypeError` or `RangeError` for a bad address or option. */
  constructor(address: string, options: RemoteCacheOptions) {
    resolveRemoteOptions(address, options)
    this.#address = address
    this.#options = options
  }

  /** Executes a command about one key. A bad key rejects with a `RangeError`. */
  ask<C extends KeyCommand>(key: string, make: (key: WireKey) => C): Promise<ResultOf<C>> {
    let kind: string = 'command'
    const command = (wireKey: WireKey): C => {
      const made = make(wireKey)
      kind = made.kind
      return made
    }
    return this.#open().on(kind, CALL_OPTIONS, key, undefined, (channel, wireKey) =>
      channel.execute(command(wireKey)),
    )
  }

  /** Reads several keys. Those that could not be read are in `failed`. */
  async getMulti(keys: readonly WireKey[]): Promise<CacheBatch> {
    const items: CacheBatch['items'] & Map<string, unknown> = new Map()
    const failed = new Map<string, Error>()
    await this.#open().each(
      'getMulti',
      keys,
      undefined,
      async (channel, piece) => {
        const batch = await channel.execute({ kind: 'getMulti', keys: piece }, { batch: keys })
        for (const [key, item] of batch.items) items.set(key, item)
        for (const [key, error] of batch.failed) failed.set(key, error)
      },
      ({ text }, error) => failed.set(text, error),
    )
    return { items, failed }
  }

  /** Executes a command about the server itself. */
  async askServer<C extends ServerCommand>(command: C): Promise<ResultOf<C>> {
    const run = this.#open().all<ResultOf<Command>>(command.kind, (channel) => channel.execute(command))
    const { answers, failed } = await run
    for (const error of failed.values()) throw error
    const [answer] = answers.values()
    return answer as ResultOf<C>
  }

  /** Rejects what is in flight with `E_CLOSED`. A later command connects anew, as with the original clients. */
  close(): void {
    this.#set?.close()
    this.#set = undefined
  }

  #open(): ServerSet {
    this.#set ??= new ServerSet(createServers(resolveRemoteOptions(this.#address, this.#options), []), {
      serverOf: () => 0,
      serverOfHash: () => 0,
    })
    return this.#set
  }
}

/**
 * Seconds as the server reads them: 0 is for ever, up to 30 days is a duration, more is a Unix time, less than 0 is in
 * the past. Fractions are rounded up.
 */
export function exactExptime(seconds: number): number {
  if (Number.isNaN(seconds)) throw new RangeError('A lifetime must be a number of seconds, got NaN')
  return seconds < 0 ? LONG_PAST : Math.min(Math.ceil(seconds), MAX_EXPTIME)
}

/** `host:port`, or the path of a socket; an IPv6 address gets its brackets. */
export function addressOf(host: string, port: number): string {
  if (host.startsWith('/')) return host
  return host.includes(':') && !host.startsWith('[') ? `[${host}]:${port}` : `${host}:${port}`
}

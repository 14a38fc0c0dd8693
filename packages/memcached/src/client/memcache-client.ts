import { wrongType } from '@larder/storage-core/base'
import type { CommandCache, ServerAnswers } from '../command-cache.js'
import { BatchCommands } from './batch-commands.js'
import { chooseCache } from './client-cache.js'
import { wireKeyText } from './client-keys.js'
import {
  SERVER_CALL_OPTIONS,
  type ClientSettings,
  type MemcacheClientOptions,
  type ServerCallOptions,
  type Unanswered,
  type WhenUnavailable,
} from './client-options.js'
import { unanswered } from './client-core.js'
import { Namespace } from './namespace.js'
import { summarize, type ServerSummary } from './server-summary.js'

/** A cache with its client's settings; `isOwned`: it is closed with the client. */
interface Opened {
  readonly cache: CommandCache
  readonly isOwned: boolean
  readonly settings: ClientSettings
  readonly namespace?: Namespace | undefined
}

const OPENED = Symbol('opened')

/**
 * Typed values in memcached: its commands with keys, values and batches as a program has them. A change resolves to
 * whether it was made; see `Outcome`.
 */
export class MemcacheClient<When extends WhenUnavailable = 'reject'>
  extends BatchCommands<When>
  implements AsyncDisposable
{
  readonly #opened: Opened

  /** Connects to nothing. Throws `TypeError` or `RangeError` for options that make no sense. */
  constructor(options: MemcacheClientOptions & { readonly whenUnavailable?: When | undefined }) {
    const opened: Opened = isOpened(options) ? options[OPENED] : chooseCache(options)
    super(opened.cache, opened.settings, opened.namespace)
    this.#opened = opened
  }

  /**
   * A client whose keys its `flush` drops all at once, by one store. Each call asks for the namespace's stamp
   * first, once for all calls of a tick. It uses the connections of this client.
   */
  namespace(name: string): MemcacheNamespace<When> {
    if (this.core.namespace !== undefined) throw new TypeError('A namespace has no namespaces of its own')
    if (typeof name !== 'string') throw wrongType('name', 'text', name)
    const { cache, settings } = this.#opened
    const full = wireKeyText(name, settings.keyPrefix, 'refuse')
    const namespace = new Namespace(cache, full)
    return new MemcacheNamespace(given({ cache, isOwned: false, settings, namespace }))
  }

  /**
   * Drops all items of all servers, those of other programs and other prefixes too, at once or after a delay in
   * milliseconds. `namespace()` has a `flush` of its own keys.
   */
  flushAll(delayMs = 0, options?: ServerCallOptions): Promise<ServerAnswers<true>> {
    return this.#ask('flushAll', options, () => this.core.cache.flushAll(delayMs, options))
  }

  /** The statistics of each server by memcached's names; `topic` as in `stats items`, `stats settings`. */
  stats(topic?: string, options?: ServerCallOptions): Promise<ServerAnswers<ReadonlyMap<string, string>>> {
    return this.#ask('stats', options, () => this.core.cache.stats(topic, options))
  }

  /** Hits, misses, items and bytes of all servers together, as App Engine's `get_stats`. */
  summary(options?: ServerCallOptions): Promise<ServerSummary | Unanswered<When>> {
    return this.core.run('summary', 0, SERVER_CALL_OPTIONS, options, unanswered<When>, () =>
      summarize(this.core.cache, options),
    )
  }

  version(options?: ServerCallOptions): Promise<ServerAnswers<string>> {
    return this.#ask('version', options, () => this.core.cache.version(options))
  }

  /** Cuts all connections and forgets which servers were dead; the next command connects anew. */
  disconnectAll(): void {
    this.core.cache.disconnectAll()
  }

  /** The same keys and options with connections of its own; each is closed by itself. */
  clone(): this {
    const { cache, settings, namespace } = this.#opened
    const copy = cache.clone()
    const Class = this.constructor as new (options: MemcacheClientOptions) => this
    return new Class(given({ cache: copy, isOwned: true, settings, namespace: namespace?.over(copy) }))
  }

  /** Later commands reject with `E_CLOSED`. Closes the connections, but not a `cache` that was given. Idempotent. */
  async close(): Promise<void> {
    this.core.close()
    if (this.#opened.isOwned) await this.core.cache.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** A command to the servers themselves: those that do not answer are in `failed`. */
  #ask<T>(
    command: string,
    options: ServerCallOptions | undefined,
    ask: () => Promise<ServerAnswers<T>>,
  ): Promise<ServerAnswers<T>> {
    return this.core.run<ServerAnswers<T>, ServerAnswers<T>>(
      command,
      0,
      SERVER_CALL_OPTIONS,
      options,
      noAnswers,
      ask,
    )
  }
}

/** A client of the keys of one namespace. Made by `MemcacheClient.namespace`. */
export class MemcacheNamespace<When extends WhenUnavailable = 'reject'> extends MemcacheClient<When> {
  /** Drops all keys of the namespace, and no others, by one store. */
  flush(options?: ServerCallOptions): Promise<true | Unanswered<When>> {
    return this.core.run('flush', 0, SERVER_CALL_OPTIONS, options, unanswered<When>, async () => {
      await this.core.namespace?.flush(options)
      return true as const
    })
  }
}

/** Options that only a client makes for another one. */
interface Given {
  readonly [OPENED]: Opened
}

function given(opened: Opened): MemcacheClientOptions & Given {
  return { cache: opened.cache, [OPENED]: opened }
}

function isOpened(options: MemcacheClientOptions): options is MemcacheClientOptions & Given {
  return typeof options === 'object' && (options as object | null) !== null && OPENED in options
}

function noAnswers<T>(): ServerAnswers<T> {
  return { answers: new Map(), failed: new Map() }
}

import type { CallOptions } from '../cache.js'
import type { CommandCache, ServerAnswers } from '../command-cache.js'
import { BatchCommands } from './batch-commands.js'
import { wireKeyText } from './client-keys.js'
import type { MemcacheClientOptions } from './client-options.js'
import { Namespace } from './namespace.js'

/**
 * Typed values on a cache: memcached's commands with keys, values and batches as a program has them. Made over
 * any `CommandCache`; several clients over one cache have options of their own, and closing one closes the cache.
 */
export class MemcacheClient extends BatchCommands implements AsyncDisposable {
  /** Throws `TypeError` or `RangeError` for options that make no sense. Connects to nothing. */
  constructor(cache: CommandCache, options: MemcacheClientOptions = {}, namespace?: Namespace) {
    if (typeof (cache as Partial<CommandCache> | undefined)?.arithmetic !== 'function')
      throw new TypeError(
        'A MemcacheClient is made over a cache: new MemcacheClient(new RemoteCache(servers))',
      )
    super(cache, options, namespace)
  }

  /**
   * A client whose keys its `flush` drops all at once, by one store. Each call asks for the namespace's stamp
   * first, once for all calls of a tick.
   */
  namespace(name: string): MemcacheClient {
    if (this.core.namespace !== undefined) throw new TypeError('A namespace has no namespaces of its own')
    const { cache, options } = this.core
    const full = wireKeyText(name, options.prefix, 'refuse')
    return new MemcacheClient(cache, options, new Namespace(cache, full))
  }

  /**
   * A namespace drops its own keys; any other client drops all items of all servers, whatever their prefix. `false`:
   * a server did not answer, and the options forgive that.
   */
  flush(options?: CallOptions): Promise<boolean> {
    const { cache, namespace } = this.core
    return this.core.run('flush', 0, notDone, async () => {
      if (namespace !== undefined) await namespace.flush(options)
      else for (const error of (await cache.flushAll(0, options)).failed.values()) throw error
      return true
    })
  }

  /** Drops all items of all servers, whatever their prefix, at once or after a delay in milliseconds. */
  flushAll(delayMs = 0, options?: CallOptions): Promise<ServerAnswers<true>> {
    return this.#ask('flushAll', () => this.core.cache.flushAll(delayMs, options))
  }

  /** What each server says of itself. */
  stats(topic?: string, options?: CallOptions): Promise<ServerAnswers<ReadonlyMap<string, string>>> {
    return this.#ask('stats', () => this.core.cache.stats(topic, options))
  }

  version(options?: CallOptions): Promise<ServerAnswers<string>> {
    return this.#ask('version', () => this.core.cache.version(options))
  }

  /** Cuts all connections; the next command connects anew. */
  disconnectAll(): void {
    this.core.cache.disconnectAll()
  }

  /** The same keys and options with connections of its own; each is closed by itself. */
  clone(): MemcacheClient {
    const { cache, options, namespace } = this.core
    const copy = cache.clone()
    return new MemcacheClient(copy, options, namespace?.over(copy))
  }

  close(): Promise<void> {
    return this.core.cache.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** A command to the servers themselves: those that do not answer are in `failed`. */
  #ask<T>(command: string, ask: () => Promise<ServerAnswers<T>>): Promise<ServerAnswers<T>> {
    return this.core.run<ServerAnswers<T>>(command, 0, noAnswers, ask)
  }
}

const notDone = () => false

function noAnswers<T>(): ServerAnswers<T> {
  return { answers: new Map(), failed: new Map() }
}

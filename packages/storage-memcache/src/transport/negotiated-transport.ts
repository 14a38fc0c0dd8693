import type { CacheBatch, CacheItem, CasResult, CasToken } from '../cache.js'
import { NoMetaError } from './text-link.js'
import type { Transport, WireItem, WireKey, WireStep } from './transport.js'

/**
 * Meta where the server knows it, else binary: asked once, with the first command. A server that is silent or
 * cannot be reached decides nothing.
 */
export class NegotiatedTransport implements Transport {
  readonly #createBinary: () => Transport
  #chosen: Transport
  #isDecided = false
  #isClosed = false
  #deciding: Promise<void> | undefined

  constructor(meta: Transport, createBinary: () => Transport) {
    this.#chosen = meta
    this.#createBinary = createBinary
  }

  get(key: WireKey, signal?: AbortSignal): Promise<CacheItem | undefined> {
    if (this.#isDecided) return this.#chosen.get(key, signal)
    return this.#ask((server) => server.get(key, signal))
  }

  getAndTouch(key: WireKey, exptime: number, signal?: AbortSignal): Promise<CacheItem | undefined> {
    return this.#ask((server) => server.getAndTouch(key, exptime, signal))
  }

  getMulti(keys: readonly WireKey[], signal?: AbortSignal): Promise<CacheBatch> {
    return this.#ask((server) => server.getMulti(keys, signal))
  }

  set(item: WireItem, signal?: AbortSignal): Promise<CasToken> {
    if (this.#isDecided) return this.#chosen.set(item, signal)
    return this.#ask((server) => server.set(item, signal))
  }

  setMulti(items: readonly WireItem[], signal?: AbortSignal): Promise<ReadonlyMap<string, Error>> {
    return this.#ask((server) => server.setMulti(items, signal))
  }

  add(item: WireItem, signal?: AbortSignal): Promise<CasToken | undefined> {
    return this.#ask((server) => server.add(item, signal))
  }

  replace(item: WireItem, signal?: AbortSignal): Promise<CasToken | undefined> {
    return this.#ask((server) => server.replace(item, signal))
  }

  cas(item: WireItem, token: CasToken, signal?: AbortSignal): Promise<CasResult> {
    return this.#ask((server) => server.cas(item, token, signal))
  }

  append(key: WireKey, value: Uint8Array, signal?: AbortSignal): Promise<boolean> {
    return this.#ask((server) => server.append(key, value, signal))
  }

  prepend(key: WireKey, value: Uint8Array, signal?: AbortSignal): Promise<boolean> {
    return this.#ask((server) => server.prepend(key, value, signal))
  }

  delete(key: WireKey, token?: CasToken, signal?: AbortSignal): Promise<'deleted' | 'exists' | 'not-found'> {
    return this.#ask((server) => server.delete(key, token, signal))
  }

  touch(key: WireKey, exptime: number, signal?: AbortSignal): Promise<boolean> {
    return this.#ask((server) => server.touch(key, exptime, signal))
  }

  arithmetic(key: WireKey, step: WireStep, signal?: AbortSignal): Promise<bigint | undefined> {
    return this.#ask((server) => server.arithmetic(key, step, signal))
  }

  flushAll(delaySeconds: number, signal?: AbortSignal): Promise<true> {
    return this.#ask((server) => server.flushAll(delaySeconds, signal))
  }

  stats(topic: string, signal?: AbortSignal): Promise<ReadonlyMap<string, string>> {
    return this.#ask((server) => server.stats(topic, signal))
  }

  version(signal?: AbortSignal): Promise<string> {
    return this.#ask((server) => server.version(signal))
  }

  close(): void {
    this.#isClosed = true
    this.#chosen.close()
  }

  #ask<T>(ask: (server: Transport) => Promise<T>): Promise<T> {
    if (this.#isDecided || this.#isClosed) return ask(this.#chosen)
    this.#deciding ??= this.#decide()
    return this.#deciding.then(() => {
      // Only now, so that no later call overtakes those that waited.
      this.#isDecided = true
      return ask(this.#chosen)
    })
  }

  async #decide(): Promise<void> {
    try {
      await this.#chosen.version()
    } catch (error) {
      if (this.#isClosed || !(error instanceof Error && error.cause instanceof NoMetaError)) {
        this.#deciding = undefined
        throw error
      }
      this.#chosen.close()
      this.#chosen = this.#createBinary()
    }
  }
}

import type { CacheBatch, CacheItem, CasResult, CasToken, PeekedItem } from '../cache.js'
import { NoAnswerError, NoMetaError } from './text-link.js'
import type { Transport, WireItem, WireKey, WireStep } from './transport.js'

/**
 * Meta where the server knows it, else binary: asked once, with the first command. A server that is silent or
 * cannot be reached decides nothing; one that hangs up on the question has to answer in the binary protocol.
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

  peek(key: WireKey, signal?: AbortSignal): Promise<PeekedItem | undefined> {
    return this.#ask((server) => server.peek(key, signal))
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

  disconnect(): void {
    this.#chosen.disconnect()
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
      const reason = error instanceof Error ? error.cause : undefined
      const binary = this.#isClosed ? undefined : await this.#tryBinary(reason)
      if (binary === undefined) {
        this.#deciding = undefined
        throw error
      }
      this.#chosen.close()
      this.#chosen = binary
      if (this.#isClosed) binary.close()
    }
  }

  async #tryBinary(reason: unknown): Promise<Transport | undefined> {
    if (!(reason instanceof NoMetaError || reason instanceof NoAnswerError)) return undefined
    const binary = this.#createBinary()
    if (reason instanceof NoMetaError) return binary
    try {
      await binary.version()
      return binary
    } catch {
      binary.close()
      return undefined
    }
  }
}

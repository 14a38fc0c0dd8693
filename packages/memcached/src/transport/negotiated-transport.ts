import { StorageError } from '@larder/storage-core/base'
import type { CacheBatch, CacheItem, CasResult, CasToken, ItemState, PeekedItem } from '../cache.js'
import { bytesOfItems, bytesOfKeys } from './batch-results.js'
import { OVERHEAD_BYTES } from './command.js'
import type { ChannelOptions } from './options.js'
import { NoAnswerError, NoMetaError } from './text-link.js'
import { within } from './within.js'
import type { Transport, WireItem, WireKey, WireStep } from './transport.js'

type Limits = Pick<ChannelOptions, 'timeoutMs' | 'maxQueuedCommands' | 'maxQueuedBytes'>

/**
 * Meta where the server knows it, else binary: asked once, with the first command. A server that is silent or
 * cannot be reached decides nothing; one that hangs up on the question has to answer in the binary protocol.
 */
export class NegotiatedTransport implements Transport {
  readonly #createBinary: () => Transport
  readonly #limits: Limits
  #chosen: Transport
  #isDecided = false
  #isClosed = false
  #deciding: Promise<void> | undefined
  #waitingCommands = 0
  #waitingBytes = 0

  /** The limits are for the commands that wait for the answer; their time-out includes that. */
  constructor(meta: Transport, createBinary: () => Transport, limits: Limits) {
    this.#chosen = meta
    this.#createBinary = createBinary
    this.#limits = limits
  }

  get(key: WireKey, signal?: AbortSignal): Promise<CacheItem | undefined> {
    if (this.#isDecided) return this.#chosen.get(key, signal)
    return this.#ask((server, call) => server.get(key, call), signal)
  }

  getAs<T>(key: WireKey, as: (item: CacheItem) => T, signal?: AbortSignal): Promise<T | undefined> {
    if (this.#isDecided) return this.#chosen.getAs(key, as, signal)
    return this.#ask((server, call) => server.getAs(key, as, call), signal)
  }

  stateOf(key: WireKey, signal?: AbortSignal): Promise<ItemState | undefined> {
    return this.#ask((server, call) => server.stateOf(key, call), signal)
  }

  getAndTouch(key: WireKey, exptime: number, signal?: AbortSignal): Promise<CacheItem | undefined> {
    return this.#ask((server, call) => server.getAndTouch(key, exptime, call), signal)
  }

  getMulti(keys: readonly WireKey[], signal?: AbortSignal): Promise<CacheBatch> {
    return this.#ask((server, call) => server.getMulti(keys, call), signal, bytesOfKeys(keys))
  }

  set(item: WireItem, signal?: AbortSignal): Promise<CasToken> {
    if (this.#isDecided) return this.#chosen.set(item, signal)
    return this.#ask((server, call) => server.set(item, call), signal, bytesOfItems([item]))
  }

  put(item: WireItem, signal?: AbortSignal): Promise<true> {
    if (this.#isDecided) return this.#chosen.put(item, signal)
    return this.#ask((server, call) => server.put(item, call), signal, bytesOfItems([item]))
  }

  setMulti(items: readonly WireItem[], signal?: AbortSignal): Promise<ReadonlyMap<string, Error>> {
    return this.#ask((server, call) => server.setMulti(items, call), signal, bytesOfItems(items))
  }

  add(item: WireItem, signal?: AbortSignal): Promise<CasToken | undefined> {
    return this.#ask((server, call) => server.add(item, call), signal, bytesOfItems([item]))
  }

  replace(item: WireItem, signal?: AbortSignal): Promise<CasToken | undefined> {
    return this.#ask((server, call) => server.replace(item, call), signal, bytesOfItems([item]))
  }

  cas(item: WireItem, token: CasToken, signal?: AbortSignal): Promise<CasResult> {
    return this.#ask((server, call) => server.cas(item, token, call), signal, bytesOfItems([item]))
  }

  append(key: WireKey, value: Uint8Array, signal?: AbortSignal): Promise<boolean> {
    return this.#ask((server, call) => server.append(key, value, call), signal, value.byteLength)
  }

  prepend(key: WireKey, value: Uint8Array, signal?: AbortSignal): Promise<boolean> {
    return this.#ask((server, call) => server.prepend(key, value, call), signal, value.byteLength)
  }

  delete(key: WireKey, token?: CasToken, signal?: AbortSignal): Promise<'deleted' | 'exists' | 'not-found'> {
    return this.#ask((server, call) => server.delete(key, token, call), signal)
  }

  touch(key: WireKey, exptime: number, signal?: AbortSignal): Promise<boolean> {
    return this.#ask((server, call) => server.touch(key, exptime, call), signal)
  }

  peek(key: WireKey, signal?: AbortSignal): Promise<PeekedItem | undefined> {
    return this.#ask((server, call) => server.peek(key, call), signal)
  }

  arithmetic(key: WireKey, step: WireStep, signal?: AbortSignal): Promise<bigint | undefined> {
    return this.#ask((server, call) => server.arithmetic(key, step, call), signal)
  }

  flushAll(delaySeconds: number, signal?: AbortSignal): Promise<true> {
    return this.#ask((server, call) => server.flushAll(delaySeconds, call), signal)
  }

  stats(topic: string, signal?: AbortSignal): Promise<ReadonlyMap<string, string>> {
    return this.#ask((server, call) => server.stats(topic, call), signal)
  }

  version(signal?: AbortSignal): Promise<string> {
    return this.#ask((server, call) => server.version(call), signal)
  }

  disconnect(): void {
    this.#chosen.disconnect()
  }

  close(): void {
    this.#isClosed = true
    this.#chosen.close()
  }

  #ask<T>(
    ask: (server: Transport, signal: AbortSignal | undefined) => Promise<T>,
    signal: AbortSignal | undefined,
    bytes = OVERHEAD_BYTES,
  ): Promise<T> {
    if (this.#isDecided || this.#isClosed) return ask(this.#chosen, signal)
    if (this.#isFull(bytes)) {
      const waiting = `${this.#waitingCommands} commands, ${this.#waitingBytes} bytes`
      return Promise.reject(new StorageError('E_OVERLOADED', `Too much waits for a server: ${waiting}`))
    }
    const deciding = (this.#deciding ??= this.#decide())
    this.#waitingCommands++
    this.#waitingBytes += bytes
    const leave = () => {
      this.#waitingCommands--
      this.#waitingBytes -= bytes
    }
    return within(this.#limits.timeoutMs, signal, (call) =>
      deciding.finally(leave).then(() => {
        // Only now, so that no later call overtakes those that waited.
        this.#isDecided = true
        return ask(this.#chosen, call)
      }),
    )
  }

  #isFull(bytes: number): boolean {
    const { maxQueuedCommands, maxQueuedBytes } = this.#limits
    if (this.#waitingCommands === 0) return false
    return this.#waitingCommands >= maxQueuedCommands || this.#waitingBytes + bytes > maxQueuedBytes
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

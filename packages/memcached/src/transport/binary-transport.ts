import { StorageError } from '@larder/storage-core/base'
import type { CacheBatch, CacheItem, CasResult, CasToken, ItemState, PeekedItem } from '../cache.js'
import { Opcode } from '../protocol/binary/codes.js'
import { NO_KEY } from '../protocol/binary/encode.js'
import type { BinaryFrame } from '../protocol/binary/frame.js'
import { BinaryReceiver } from '../protocol/binary/receiver.js'
import { BinaryGetBatch, BinarySetBatch } from './binary-batch.js'
import { BinaryCommand, type BinaryCommandFields } from './binary-command.js'
import * as replies from './binary-replies.js'
import { BinaryStats } from './binary-stats.js'
import { CasId } from './cas-id.js'
import { Channel } from './channel.js'
import { ChannelTransport } from './channel-transport.js'
import { ownedItems, ownedValue } from './issue.js'
import { memjsDial, type MemjsServer } from './memjs-link.js'
import type { ChannelOptions } from './options.js'
import type { ServerHealth } from './server-health.js'
import type { Transport, WireItem, WireKey, WireStep } from './transport.js'

/** The expiry that tells increment and decrement to leave a missing counter alone (protocol_binary.xml). */
const NEVER_CREATE = 0xffff_ffff
const EXISTS: CasResult = Object.freeze({ status: 'exists' })

/** The binary protocol over memjs's connections: for SASL, and for servers that speak nothing else. */
export class BinaryTransport extends ChannelTransport<BinaryFrame> implements Transport {
  /** `name` appears in messages; `health` is shared by all connections to the server. */
  constructor(name: string, server: MemjsServer, options: ChannelOptions, health: ServerHealth) {
    const wire = {
      dial: memjsDial(server),
      createReceiver: (onFrame: (frame: BinaryFrame) => void) => new BinaryReceiver(onFrame),
    }
    super(new Channel(name, wire, options, health))
  }

  get(key: WireKey, signal?: AbortSignal): Promise<CacheItem | undefined> {
    return this.#command({ opcode: Opcode.get, key, idempotent: true, read: replies.readItem }, signal)
  }

  getAs<T>(key: WireKey, as: (item: CacheItem) => T, signal?: AbortSignal): Promise<T | undefined> {
    const read = (frame: BinaryFrame, from: object) => {
      const item = replies.readItem(frame, from)
      return item && as(item)
    }
    return this.#command({ opcode: Opcode.get, key, idempotent: true, read }, signal)
  }

  stateOf(key: WireKey, signal?: AbortSignal): Promise<ItemState | undefined> {
    return this.getAs(key, ({ flags, cas }) => ({ flags, cas }), signal)
  }

  getMulti(keys: readonly WireKey[], signal?: AbortSignal): Promise<CacheBatch> {
    return this.issue((resolve, reject) => new BinaryGetBatch(keys, resolve, reject), signal)
  }

  set(item: WireItem, signal?: AbortSignal): Promise<CasToken> {
    return this.#store(Opcode.set, item, replies.readStored, signal)
  }

  put(item: WireItem, signal?: AbortSignal): Promise<true> {
    return this.#store(Opcode.set, item, replies.readDone, signal)
  }

  setMulti(items: readonly WireItem[], signal?: AbortSignal): Promise<ReadonlyMap<string, Error>> {
    const owned = ownedItems(items, signal)
    return this.issue((resolve, reject) => new BinarySetBatch(owned, resolve, reject), signal)
  }

  add(item: WireItem, signal?: AbortSignal): Promise<CasToken | undefined> {
    return this.#store(Opcode.add, item, replies.readAdded, signal)
  }

  replace(item: WireItem, signal?: AbortSignal): Promise<CasToken | undefined> {
    return this.#store(Opcode.replace, item, replies.readReplaced, signal)
  }

  cas(item: WireItem, token: CasToken, signal?: AbortSignal): Promise<CasResult> {
    // A set with a CAS is the protocol's cas.
    if (!(token instanceof CasId)) return Promise.resolve(EXISTS)
    return this.#store(Opcode.set, item, replies.readCas, signal, token)
  }

  append(key: WireKey, value: Uint8Array, signal?: AbortSignal): Promise<boolean> {
    const owned = ownedValue(value, signal)
    return this.#command({ opcode: Opcode.append, key, value: owned, read: replies.readJoined }, signal)
  }

  prepend(key: WireKey, value: Uint8Array, signal?: AbortSignal): Promise<boolean> {
    const owned = ownedValue(value, signal)
    return this.#command({ opcode: Opcode.prepend, key, value: owned, read: replies.readJoined }, signal)
  }

  delete(key: WireKey, token?: CasToken, signal?: AbortSignal): Promise<'deleted' | 'exists' | 'not-found'> {
    if (token === undefined)
      return this.#command({ opcode: Opcode.delete, key, read: replies.readDeleted }, signal)
    if (!(token instanceof CasId)) return Promise.resolve('exists')
    const bound = { cas: token, withoutConnection: 'exists' as const }
    return this.#command({ ...bound, opcode: Opcode.delete, key, read: replies.readDeleted }, signal)
  }

  touch(key: WireKey, exptime: number, signal?: AbortSignal): Promise<boolean> {
    return this.#command({ opcode: Opcode.touch, key, extras: [exptime], read: replies.readTouched }, signal)
  }

  getAndTouch(key: WireKey, exptime: number, signal?: AbortSignal): Promise<CacheItem | undefined> {
    return this.#command(
      { opcode: Opcode.getAndTouch, key, extras: [exptime], read: replies.readItem },
      signal,
    )
  }

  peek(key: WireKey): Promise<PeekedItem | undefined> {
    const { text } = key
    const error = new StorageError('E_UNSUPPORTED', 'The binary protocol cannot peek', { key: text })
    return Promise.reject(error)
  }

  arithmetic(key: WireKey, step: WireStep, signal?: AbortSignal): Promise<bigint | undefined> {
    const opcode = step.delta < 0n ? Opcode.decrement : Opcode.increment
    const delta = step.delta < 0n ? -step.delta : step.delta
    const exptime = step.initial === undefined ? NEVER_CREATE : step.exptime
    const extras = [...halves(delta), ...halves(step.initial ?? 0n), exptime]
    return this.#command({ opcode, key, extras, read: replies.readCounter }, signal)
  }

  flushAll(delaySeconds: number, signal?: AbortSignal): Promise<true> {
    const extras = [delaySeconds]
    return this.#command({ opcode: Opcode.flush, key: NO_KEY, extras, read: replies.readDone }, signal)
  }

  stats(topic: string, signal?: AbortSignal): Promise<ReadonlyMap<string, string>> {
    return this.issue((resolve, reject) => new BinaryStats(topic, resolve, reject), signal)
  }

  version(signal?: AbortSignal): Promise<string> {
    return this.#command(
      { opcode: Opcode.version, key: NO_KEY, idempotent: true, read: replies.readText },
      signal,
    )
  }

  /** With a token, the answer for one whose connection is gone is that of a cas. */
  #store<T>(
    opcode: number,
    item: WireItem,
    read: BinaryCommandFields<T>['read'],
    signal: AbortSignal | undefined,
    token?: CasId<object>,
  ): Promise<T> {
    const value = ownedValue(item.value, signal)
    const extras = [item.flags, item.exptime]
    // One literal for each shape: a spread would cost as much as the rest of the command.
    if (token === undefined) return this.#command({ opcode, key: item.key, extras, value, read }, signal)
    const withoutConnection = EXISTS as T
    return this.#command(
      { opcode, key: item.key, extras, value, cas: token, withoutConnection, read },
      signal,
    )
  }

  #command<T>(fields: BinaryCommandFields<T>, signal: AbortSignal | undefined): Promise<T> {
    return this.issue((resolve, reject) => new BinaryCommand(fields, resolve, reject), signal)
  }
}

function halves(value: bigint): [number, number] {
  return [Number(value >> 32n), Number(value & 0xffff_ffffn)]
}

import type { CacheBatch, CacheItem, CasResult, CasToken, ItemState, PeekedItem } from '../cache.js'
import { casText } from '../protocol/meta/encode.js'
import { MetaReceiver } from '../protocol/meta/receiver.js'
import type { MetaReply } from '../protocol/meta/reply.js'
import { addressText, type ServerAddress } from '../server-address.js'
import { CasId } from './cas-id.js'
import { Channel } from './channel.js'
import { ChannelTransport } from './channel-transport.js'
import { ownedItems, ownedValue } from './issue.js'
import { LineCommand } from './line-command.js'
import { ClassicGetBatch, MetaSetBatch } from './meta-batch.js'
import { MetaCommand, type MetaCommandFields } from './meta-command.js'
import { MetaGet } from './meta-get.js'
import * as replies from './meta-replies.js'
import type { ChannelOptions } from './options.js'
import type { ServerHealth } from './server-health.js'
import { textDial, type TextLinkOptions } from './text-link.js'
import type { Transport, WireItem, WireKey, WireStep } from './transport.js'

const EXISTS: CasResult = Object.freeze({ status: 'exists' })
/** Time left, time since the last use, whether it was ever read; `u`: without a trace (protocol.txt, "Meta Get"). */
const PEEK_FLAGS = `${replies.READ_FLAGS} t l h u`

/** The meta commands, memcached's own choice for new clients since 1.6. */
export class MetaTransport extends ChannelTransport<MetaReply> implements Transport {
  /** `health` is shared by all connections to the server. */
  constructor(
    address: ServerAddress,
    options: ChannelOptions,
    health: ServerHealth,
    link: TextLinkOptions = {},
  ) {
    const wire = {
      dial: textDial(address, link),
      createReceiver: (onReply: (reply: MetaReply) => void) => new MetaReceiver(onReply),
    }
    super(new Channel(addressText(address), wire, options, health))
  }

  get(key: WireKey, signal?: AbortSignal): Promise<CacheItem | undefined> {
    return this.getAs(key, replies.itself, signal)
  }

  getAs<T>(key: WireKey, as: (item: CacheItem) => T, signal?: AbortSignal): Promise<T | undefined> {
    return this.issue((resolve, reject) => new MetaGet(key, as, resolve, reject), signal)
  }

  stateOf(key: WireKey, signal?: AbortSignal): Promise<ItemState | undefined> {
    return this.#command(
      { verb: 'mg', key, flags: ' f c', idempotent: true, read: replies.readState },
      signal,
    )
  }

  getAndTouch(key: WireKey, exptime: number, signal?: AbortSignal): Promise<CacheItem | undefined> {
    return this.#command(
      { verb: 'mg', key, flags: `${replies.READ_FLAGS} T${exptime}`, read: replies.readItem },
      signal,
    )
  }

  getMulti(keys: readonly WireKey[], signal?: AbortSignal): Promise<CacheBatch> {
    return this.issue((resolve, reject) => new ClassicGetBatch(keys, resolve, reject), signal)
  }

  set(item: WireItem, signal?: AbortSignal): Promise<CasToken> {
    return this.#store(item, ' c', replies.readStored, signal)
  }

  put(item: WireItem, signal?: AbortSignal): Promise<true> {
    return this.#store(item, '', replies.readPut, signal)
  }

  setMulti(items: readonly WireItem[], signal?: AbortSignal): Promise<ReadonlyMap<string, Error>> {
    const owned = ownedItems(items, signal)
    return this.issue((resolve, reject) => new MetaSetBatch(owned, resolve, reject), signal)
  }

  add(item: WireItem, signal?: AbortSignal): Promise<CasToken | undefined> {
    return this.#store(item, ' c ME', replies.readStoredIf, signal)
  }

  replace(item: WireItem, signal?: AbortSignal): Promise<CasToken | undefined> {
    return this.#store(item, ' c MR', replies.readStoredIf, signal)
  }

  cas(item: WireItem, token: CasToken, signal?: AbortSignal): Promise<CasResult> {
    if (!(token instanceof CasId)) return Promise.resolve(EXISTS)
    const bound = { boundTo: token, withoutConnection: EXISTS }
    return this.#store(item, ` c C${casText(token.high, token.low)}`, replies.readCas, signal, bound)
  }

  append(key: WireKey, value: Uint8Array, signal?: AbortSignal): Promise<boolean> {
    return this.#join(key, value, ' MA', signal)
  }

  prepend(key: WireKey, value: Uint8Array, signal?: AbortSignal): Promise<boolean> {
    return this.#join(key, value, ' MP', signal)
  }

  delete(key: WireKey, token?: CasToken, signal?: AbortSignal): Promise<'deleted' | 'exists' | 'not-found'> {
    const fields = { verb: 'md', key, read: replies.readDeleted } as const
    if (token === undefined) return this.#command({ ...fields, flags: '' }, signal)
    if (!(token instanceof CasId)) return Promise.resolve('exists')
    const flags = ` C${casText(token.high, token.low)}`
    return this.#command({ ...fields, flags, boundTo: token, withoutConnection: 'exists' }, signal)
  }

  touch(key: WireKey, exptime: number, signal?: AbortSignal): Promise<boolean> {
    return this.#command({ verb: 'mg', key, flags: ` T${exptime}`, read: replies.readTouched }, signal)
  }

  peek(key: WireKey, signal?: AbortSignal): Promise<PeekedItem | undefined> {
    return this.#command(
      { verb: 'mg', key, flags: PEEK_FLAGS, idempotent: true, read: replies.readPeeked },
      signal,
    )
  }

  arithmetic(key: WireKey, step: WireStep, signal?: AbortSignal): Promise<bigint | undefined> {
    const { delta, initial, exptime } = step
    const create = initial === undefined ? '' : ` N${exptime} J${initial}`
    const flags = delta < 0n ? ` v MD D${-delta}${create}` : ` v D${delta}${create}`
    return this.#command({ verb: 'ma', key, flags, read: replies.readCounter }, signal)
  }

  flushAll(delaySeconds: number, signal?: AbortSignal): Promise<true> {
    return this.#lines(
      `flush_all ${delaySeconds}`,
      () => true,
      () => true as const,
      signal,
    )
  }

  stats(topic: string, signal?: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const isLast = (line: string) => line === 'END' || line === 'RESET'
    return this.#lines(topic === '' ? 'stats' : `stats ${topic}`, isLast, statsOf, signal)
  }

  version(signal?: AbortSignal): Promise<string> {
    return this.#lines(
      'version',
      () => true,
      ([line = '']) => line.replace(/^VERSION /, ''),
      signal,
    )
  }

  #store<T>(
    { key, value, flags, exptime }: WireItem,
    more: string,
    read: MetaCommandFields<T>['read'],
    signal: AbortSignal | undefined,
    bound?: Pick<MetaCommandFields<T>, 'boundTo' | 'withoutConnection'>,
  ): Promise<T> {
    const text = `${exptime === 0 ? '' : ` T${exptime}`}${flags === 0 ? '' : ` F${flags}`}${more}`
    const fields = { verb: 'ms', key, flags: text, value: ownedValue(value, signal), read } as const
    return this.#command(bound === undefined ? fields : { ...fields, ...bound }, signal)
  }

  #join(key: WireKey, value: Uint8Array, mode: string, signal: AbortSignal | undefined): Promise<boolean> {
    const owned = ownedValue(value, signal)
    return this.#command({ verb: 'ms', key, flags: mode, value: owned, read: replies.readDone }, signal)
  }

  #command<T>(fields: MetaCommandFields<T>, signal: AbortSignal | undefined): Promise<T> {
    return this.issue((resolve, reject) => new MetaCommand(fields, resolve, reject), signal)
  }

  #lines<T>(
    line: string,
    isLast: (line: string) => boolean,
    read: (lines: readonly string[]) => T,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    return this.issue((resolve, reject) => new LineCommand({ line, isLast, read }, resolve, reject), signal)
  }
}

function statsOf(lines: readonly string[]): ReadonlyMap<string, string> {
  const pairs = lines.flatMap((line) => {
    const [, name, value] = /^STAT (\S+) (.*)$/.exec(line) ?? []
    return name === undefined || value === undefined ? [] : [[name, value] as const]
  })
  return new Map(pairs)
}

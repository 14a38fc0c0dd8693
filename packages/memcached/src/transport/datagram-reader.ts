import { isStorageError, StorageError, untilAborted } from '@larder/storage-core/base'
import { randomInt } from 'node:crypto'
import type { CacheBatch, CacheItem } from '../cache.js'
import { encodeMeta, MetaReply, OutBuffer } from '../protocol/index.js'
import { afterAwakeTime } from './awake-time.js'
import { DatagramSocket, type DatagramTarget } from './datagram-socket.js'
import type { Channel, ExecuteOptions } from './channel.js'
import type { Get, WireKey } from './commands.js'
import { isMetaReply, readItem } from './meta/replies.js'
import { READ_FLAGS } from './meta/requests.js'
import type { ServerHealth } from './server-health.js'
import type { ResolvedUdpOptions } from './udp-options.js'

/** Where the numbers of requests begin; they stay exact for all that a process can ask. */
const MAX_FIRST_OPAQUE = 2 ** 47
const NO_ANSWER = Symbol('no answer')

/** What one command may take of the whole, and its clock. */
export interface DatagramLimits {
  readonly timeoutMs: number
  readonly now: () => number
}

/**
 * Reads from one server by datagrams, one command in each since memcached numbers the datagrams of each answer from 0.
 * Every command has a number of its own that its answer repeats. What has no answer in time, one that is too long or
 * one that cannot be right is asked again over the connection. Tokens match nothing: there is no connection that would
 * end with the server.
 */
export class DatagramReader {
  readonly #target: DatagramTarget
  readonly #options: ResolvedUdpOptions
  readonly #limits: DatagramLimits
  readonly #health: ServerHealth
  readonly #out = new OutBuffer()
  readonly #reply = new MetaReply()
  #socket: DatagramSocket | undefined
  /** Out of request ids, and waiting for its last answers. */
  #previous: DatagramSocket | undefined
  #opaque = randomInt(MAX_FIRST_OPAQUE)
  #isClosed = false

  /** `health` is that of the server's datagrams alone. No I/O before the first read. */
  constructor(
    target: DatagramTarget,
    options: ResolvedUdpOptions,
    limits: DatagramLimits,
    health: ServerHealth,
  ) {
    this.#target = target
    this.#options = options
    this.#limits = limits
    this.#health = health
  }

  /** For `ServerHealth`: the reads under way. */
  get queuedCommands(): number {
    return (this.#socket?.waiting ?? 0) + (this.#previous?.waiting ?? 0)
  }

  /** As a channel's `get`, by datagram where that can be. */
  async get<T>(command: Get<T>, server: Channel, options: ExecuteOptions): Promise<T | undefined> {
    const { key, as } = command
    if (!this.#mayAsk(1)) return server.execute(command, options)
    const start = this.#limits.now()
    const item = await untilAborted(this.#ask(key), options.signal, key.text)
    return item === NO_ANSWER ? this.#withTimeout(start, server.execute(command, options)) : item && as(item)
  }

  /** As a channel's `getMulti`; what a batch lacks after the datagrams is asked for in one command. */
  async getMulti(keys: readonly WireKey[], server: Channel, options: ExecuteOptions): Promise<CacheBatch> {
    if (!this.#mayAsk(keys.length)) return server.execute({ kind: 'getMulti', keys }, options)
    const start = this.#limits.now()
    const items = new Map<string, CacheItem>()
    const unanswered: WireKey[] = []
    const ask = async (key: WireKey) => {
      const item = await this.#ask(key)
      if (item === NO_ANSWER) unanswered.push(key)
      else if (item !== undefined) items.set(key.text, item)
    }
    await untilAborted(Promise.all(keys.map(ask)), options.signal)
    if (unanswered.length === 0) return { items, failed: new Map() }
    try {
      const rest = await this.#withTimeout(
        start,
        server.execute({ kind: 'getMulti', keys: unanswered }, options),
      )
      return { items: new Map([...items, ...rest.items]), failed: rest.failed }
    } catch (error) {
      if (isStorageError(error, 'E_ABORTED')) throw error
      return { items, failed: new Map(unanswered.map(({ text }) => [text, error as Error])) }
    }
  }

  /** Closes the socket, which the next read opens anew, and takes the server for well. */
  disconnect(): void {
    this.#health.recover()
    this.#closeSockets()
  }

  /** What is under way is asked of the connection. Idempotent. */
  close(): void {
    this.#isClosed = true
    this.#closeSockets()
  }

  #closeSockets(): void {
    this.#socket?.close()
    this.#previous?.close()
  }

  /** For `ServerHealth`: datagrams have no other connections. */
  doubt(): void {}

  #mayAsk(requests: number): boolean {
    if (this.#isClosed || this.queuedCommands + requests > this.#options.maxRequests) return false
    return this.#health.isUsable || (requests === 1 && this.#health.mayProbe(this, this.#limits.now()))
  }

  async #ask(key: WireKey): Promise<CacheItem | undefined | typeof NO_ANSWER> {
    const opaque = this.#opaque++
    encodeMeta(this.#out, 'mg', key.text, key.bytes, READ_FLAGS, opaque, undefined)
    const command = Buffer.concat(this.#out.chunks())
    this.#out.reset(true)
    const answer = await this.#openSocket().ask(command)
    return answer === undefined ? NO_ANSWER : this.#read(answer, opaque)
  }

  #openSocket(): DatagramSocket {
    if (this.#socket?.isUsable !== true) {
      const { now } = this.#limits
      const owner = {
        heard: () => this.#health.recover(),
        silent: (error: Error) => this.#health.giveUp(error, now()),
      }
      this.#previous = this.#socket
      this.#socket = new DatagramSocket(this.#target, this.#options, owner, now)
    }
    return this.#socket
  }

  #read(answer: Buffer, opaque: number): CacheItem | undefined | typeof NO_ANSWER {
    const reply = this.#reply
    try {
      if (reply.measure(answer, 0, answer.length) !== answer.length) return NO_ANSWER
      reply.take(answer, 0, answer.length, true)
      if (reply.opaque === opaque) return readItem(reply, {})
      // A server that knows no `mg` says so to every read.
      if (!isMetaReply(reply)) this.#health.giveUp(new Error(reply.line()), this.#limits.now())
      return NO_ANSWER
    } catch {
      return NO_ANSWER
    }
  }

  /** What is left of the time-out for the answer of the connection. */
  #withTimeout<T>(start: number, answer: Promise<T>): Promise<T> {
    const { timeoutMs, now } = this.#limits
    return new Promise((resolve, reject) => {
      const expire = () => {
        reject(new StorageError('E_TIMEOUT', `The server did not answer withTimeout ${timeoutMs} ms`))
      }
      const end = afterAwakeTime(Math.max(1, start + timeoutMs - now()), expire)
      answer.then(resolve, reject).finally(end)
    })
  }
}

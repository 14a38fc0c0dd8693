import type { CacheItem } from '../cache.js'
import { encodeKey, encodeMeta, extendKeys } from '../protocol/meta/encode.js'
import { ClassicCode, type MetaReply } from '../protocol/meta/reply.js'
import type { OutBuffer } from '../protocol/out-buffer.js'
import { Command, OVERHEAD_BYTES } from './command.js'
import { misplacedReply, type Exchange, type Receipt } from './exchange.js'
import type { Fifo } from './fifo.js'
import {
  checkOpaque,
  classicItem,
  GETS,
  isMetaReply,
  KEYS_PER_LINE,
  READ_FLAGS,
  readItem,
  refuse,
  refuseLine,
  wireOpaque,
} from './meta-replies.js'
import type { WireKey } from './transport.js'

/** A server sends the values of each line of `gets` by themselves: one for fewer keys costs more than it saves. */
const MIN_KEYS_PER_LINE = 8
/** The answer to the first line is read, and leads to the next commands, while the server is at the others. */
const LINES_PER_WRITE = 8

/**
 * Reads one key. Those that leave in one write behind one another share a few lines of the classic `gets`, which a
 * server answers in half the time of as many `mg`.
 */
export class MetaGet<T> extends Command<T | undefined, MetaReply> implements LineMember {
  override readonly bytes: number
  readonly #key: WireKey
  readonly #as: (item: CacheItem) => T
  #opaque = 0
  /** Undefined: sent as `mg`. */
  #line: GetLine | undefined

  /** `as` makes the result of the item. */
  constructor(
    key: WireKey,
    as: (item: CacheItem) => T,
    resolve: (result: T | undefined) => void,
    reject: (error: Error) => void,
  ) {
    super(resolve, reject)
    this.#key = key
    this.#as = as
    this.bytes = key.bytes + OVERHEAD_BYTES
  }

  override get idempotent(): boolean {
    return true
  }

  override encode(
    out: OutBuffer,
    opaque: number,
    previous: Exchange<MetaReply> | undefined,
    queue: Fifo<Exchange<MetaReply>>,
  ): void {
    const line = previous instanceof MetaGet ? previous.#line : undefined
    if (line !== undefined && (line.gets.length < line.most || line.takesTheRest(queue))) {
      this.#line = line
      line.gets.push(this)
      extendKeys(out, this.#key)
    } else if (areEnough(queue)) {
      this.#line = new GetLine(this, line?.most ?? keysPerLine(queue.size + 1))
      encodeKey(out, GETS, this.#key)
    } else {
      this.#line = undefined
      this.#opaque = wireOpaque(opaque)
      encodeMeta(out, 'mg', this.#key.text, this.#key.bytes, READ_FLAGS, this.#opaque, undefined)
    }
  }

  override receive(reply: MetaReply, from: object): Receipt {
    if (this.#line !== undefined) return this.#receiveOfLine(this.#line, reply, from)
    if (!isMetaReply(reply)) return refuse(this, reply)
    checkOpaque(reply, this.#opaque)
    this.#settle(readItem, reply, from)
    return 'last'
  }

  /** Whether the value is of its key; settles it then. */
  takeValue(reply: MetaReply, from: object): boolean {
    if (!reply.isAbout(this.#key.text, this.#key.bytes)) return false
    this.#settle(classicItem, reply, from)
    return true
  }

  #settle(
    read: (reply: MetaReply, from: object) => CacheItem | undefined,
    reply: MetaReply,
    from: object,
  ): void {
    if (this.isSettled) return
    try {
      const item = read(reply, from)
      this.succeed(item && this.#as(item))
    } catch (error) {
      this.fail(error as Error)
    }
  }

  /** The first of a line stays until its end, and hands the values on. */
  #receiveOfLine(line: GetLine, reply: MetaReply, from: object): Receipt {
    if (reply.code === ClassicCode.value) {
      line.take(reply, from)
      return 'more'
    }
    if (reply.code !== ClassicCode.end) refuseLine(this, reply)
    this.succeed(undefined)
    return line.gets.at(-1) === this ? 'last' : 'passed'
  }
}

interface LineMember {
  takeValue(reply: MetaReply, from: object): boolean
}

/**
 * The reads of one `gets`. Values come in the order of the keys and name them; what was not named when `END` comes,
 * and not before, is a miss.
 */
class GetLine {
  readonly gets: LineMember[]
  /** How many keys it has where there are enough for another line. */
  readonly most: number
  #next = 0

  constructor(first: LineMember, most: number) {
    this.gets = [first]
    this.most = most
  }

  /** Too few for another line are in this one. */
  takesTheRest(queue: Fifo<Exchange<MetaReply>>): boolean {
    return this.gets.length < KEYS_PER_LINE && !areEnough(queue)
  }

  take(reply: MetaReply, from: object): void {
    let get = this.gets[this.#next++]
    while (get !== undefined && !get.takeValue(reply, from)) get = this.gets[this.#next++]
    if (get === undefined) throw misplacedReply()
  }
}

/** For so many commands that wait, as if all were reads: lines of about the same length. */
function keysPerLine(waiting: number): number {
  const lines = Math.min(LINES_PER_WRITE, Math.floor(waiting / MIN_KEYS_PER_LINE))
  return Math.min(KEYS_PER_LINE, Math.ceil(waiting / lines))
}

/** Whether there are reads enough for a line, one and those next in the queue. */
function areEnough(queue: Fifo<Exchange<MetaReply>>): boolean {
  for (let i = 0; i < MIN_KEYS_PER_LINE - 1; i++) if (!(queue.at(i) instanceof MetaGet)) return false
  return true
}

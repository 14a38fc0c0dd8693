import { ClassicCode, encodeKey, extendKeys, type MetaReply, type OutBuffer } from '../../protocol/index.js'
import type { Call } from '../call.js'
import type { Get, WireKey } from '../commands.js'
import type { Fifo } from '../fifo.js'
import { misplacedReply, type Reader, type Receipt } from '../session.js'
import { refuse, refuseLine } from './errors.js'
import { itemOf } from './values.js'

/** The classic command that answers with value, flags and CAS. */
export const GETS = 'gets'
/** With keys of 250 bytes, a line of 25 kB. */
export const KEYS_PER_LINE = 100
/** A server sends the values of each line of `gets` by themselves: one for fewer keys costs more than it saves. */
const MIN_KEYS_PER_LINE = 8
/** The answer to the first line is read, and leads to the next commands, while the server is at the others. */
const LINES_PER_WRITE = 8

/** Whether values come in the order of their keys, as from a server, or in any, as they may from a proxy. */
export type ValueOrder = 'keys' | 'any'

/** A read that may share a line with others. */
export function isPlainGet(call: Call | undefined): boolean {
  return call?.command.kind === 'get' && call.command.exptime === undefined
}

/**
 * Single reads that leave in one write behind one another and share a few lines of `gets`, which a server answers in
 * half the time of as many commands. Values come in the order of the keys and name them; what was not named when
 * `END` comes, and not before, is a miss.
 */
export class GetLine implements Reader<MetaReply> {
  readonly #calls: Call[]
  /** How many keys it has where there are enough for another line. */
  readonly #most: number
  readonly #order: ValueOrder
  #next = 0

  private constructor(first: Call, most: number, order: ValueOrder) {
    this.#calls = [first]
    this.#most = most
    this.#order = order
  }

  /** The line that `call` was written into: `line`, or another one; undefined: it is to be sent alone. */
  static write(
    call: Call,
    key: WireKey,
    line: GetLine | undefined,
    out: OutBuffer,
    queue: Fifo<Call>,
    order: ValueOrder,
  ): GetLine | undefined {
    if (line?.hasRoom(queue) === true) {
      line.#calls.push(call)
      extendKeys(out, key)
      return line
    }
    if (!areEnough(queue)) return undefined
    encodeKey(out, GETS, key)
    return new GetLine(call, line === undefined ? keysPerLine(queue.size + 1) : line.#most, order)
  }

  hasRoom(queue: Fifo<Call>): boolean {
    const { length } = this.#calls
    // Too few for another line are in this one.
    return length < this.#most || (length < KEYS_PER_LINE && !areEnough(queue))
  }

  /** The first of a line stays until its end, and hands the values on. */
  receive(call: Call, reply: MetaReply, from: object): Receipt {
    if (reply.code === ClassicCode.value) {
      this.#take(reply, from)
      return 'more'
    }
    if (reply.code === ClassicCode.end) call.succeed(undefined)
    else if (this.#next === 0 && this.#order === 'any') refuse(call, reply)
    else refuseLine(call, reply)
    return this.#calls.at(-1) === call ? 'last' : 'passed'
  }

  #take(reply: MetaReply, from: object): void {
    let call: Call | undefined
    do {
      if (this.#order === 'any' && this.#next === this.#calls.length) return this.#takeOutOfOrder(reply, from)
      call = this.#calls[this.#next++]
      if (call === undefined) throw misplacedReply()
    } while (!takeValue(call, reply, from))
  }

  #takeOutOfOrder(reply: MetaReply, from: object): void {
    const isRight = (call: Call) => takeValue(call, reply, from)
    const waiting = this.#calls.filter((call) => !call.isSettled)
    // The value of a read that was aborted comes as well.
    if (!waiting.some(isRight) && !this.#calls.some(isRight)) throw misplacedReply()
  }
}

/** Whether the value is of its key; settles it then. */
function takeValue(call: Call, reply: MetaReply, from: object): boolean {
  const command = call.command as Get
  if (!reply.isAbout(command.key.text, command.key.bytes)) return false
  call.settle(readGet, reply, from, command)
  return true
}

function readGet(reply: MetaReply, from: object, { as }: Get): unknown {
  return as(itemOf(reply, from))
}

/** For so many commands that wait, as if all were reads: lines of about the same length. */
function keysPerLine(waiting: number): number {
  const lines = Math.min(LINES_PER_WRITE, Math.floor(waiting / MIN_KEYS_PER_LINE))
  return Math.min(KEYS_PER_LINE, Math.ceil(waiting / lines))
}

/** Whether there are reads enough for a line, one and those next in the queue. */
function areEnough(queue: Fifo<Call>): boolean {
  for (let i = 0; i < MIN_KEYS_PER_LINE - 1; i++) if (!isPlainGet(queue.at(i))) return false
  return true
}

import { ClassicCode, encodeKey, extendKeys, type MetaReply, type OutBuffer } from '../../protocol/index.js'
import type { Call } from '../call.js'
import type { WireKey } from '../commands.js'
import { ItemBatch } from '../item-batch.js'
import { misplacedReply, type Reader, type Receipt } from '../session.js'
import { lineError, refuseLine } from './errors.js'
import { GETS, KEYS_PER_LINE, type ValueOrder } from './get-line.js'
import { itemOf } from './values.js'

/**
 * The classic `gets`, which a server answers in half the time of as many single commands. Values name their keys and
 * come in their order, or in any; `END` ends them, and what was not named is a miss.
 */
export class GetBatch implements Reader<MetaReply> {
  readonly #keys: readonly WireKey[]
  readonly #order: ValueOrder
  readonly #batch = new ItemBatch()
  /** Where the line begins that is being answered. */
  #start = 0
  #next = 0

  constructor(keys: readonly WireKey[], out: OutBuffer, order: ValueOrder) {
    this.#keys = keys
    this.#order = order
    for (const [i, key] of keys.entries()) {
      if (i % KEYS_PER_LINE === 0) encodeKey(out, GETS, key)
      else extendKeys(out, key)
    }
  }

  receive(call: Call, reply: MetaReply, from: object): Receipt {
    if (reply.code === ClassicCode.value) {
      this.#take(call, reply, from)
      return 'more'
    }
    if (reply.code !== ClassicCode.end) this.#refuse(call, reply)
    this.#next = this.#start += KEYS_PER_LINE
    if (this.#start < this.#keys.length) return 'more'
    call.succeed(this.#batch)
    return 'last'
  }

  /** A proxy answers a line by an error alone where one of its servers is down. */
  #refuse(call: Call, reply: MetaReply): void {
    const { error, isFatal } = lineError(reply)
    if (isFatal || this.#order === 'keys' || this.#next > this.#start) refuseLine(call, reply)
    for (const { text } of this.#line()) this.#batch.failed.set(text, error)
  }

  #take(call: Call, reply: MetaReply, from: object): void {
    const end = Math.min(this.#start + KEYS_PER_LINE, this.#keys.length)
    let key: WireKey | undefined
    do {
      key = this.#next < end ? this.#keys[this.#next++] : this.#outOfOrder(reply)
      if (key === undefined) throw misplacedReply()
    } while (!reply.isAbout(key.text, key.bytes))
    if (!call.isSettled) this.#batch.take(key.text, itemOf, reply, from)
  }

  #outOfOrder(reply: MetaReply): WireKey | undefined {
    if (this.#order === 'keys') return undefined
    return this.#line().find(({ text, bytes }) => reply.isAbout(text, bytes))
  }

  #line(): readonly WireKey[] {
    return this.#keys.slice(this.#start, this.#start + KEYS_PER_LINE)
  }
}

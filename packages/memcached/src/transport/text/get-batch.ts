import { encodeKey, extendKeys } from '../../protocol/meta/encode.js'
import { ClassicCode, type MetaReply } from '../../protocol/meta/reply.js'
import type { OutBuffer } from '../../protocol/out-buffer.js'
import type { Call } from '../call.js'
import type { WireKey } from '../commands.js'
import { ItemBatch } from '../item-batch.js'
import { misplacedReply, type Reader, type Receipt } from '../session.js'
import { refuseLine } from './errors.js'
import { GETS, KEYS_PER_LINE } from './get-line.js'
import { itemOf } from './values.js'

/**
 * The classic `gets`, which a server answers in half the time of as many single commands. Values come in the order
 * of the keys and name them, `END` ends them, and what was not named is a miss.
 */
export class GetBatch implements Reader<MetaReply> {
  readonly #keys: readonly WireKey[]
  readonly #batch = new ItemBatch()
  #next = 0
  #openLines: number

  constructor(keys: readonly WireKey[], out: OutBuffer) {
    this.#keys = keys
    this.#openLines = Math.ceil(keys.length / KEYS_PER_LINE)
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
    if (reply.code !== ClassicCode.end) refuseLine(call, reply)
    if (--this.#openLines > 0) return 'more'
    call.succeed(this.#batch)
    return 'last'
  }

  #take(call: Call, reply: MetaReply, from: object): void {
    let key = this.#keys[this.#next++]
    while (key !== undefined && !reply.isAbout(key.text, key.bytes)) key = this.#keys[this.#next++]
    if (key === undefined) throw misplacedReply()
    if (!call.isSettled) this.#batch.take(key.text, itemOf, reply, from)
  }
}

import { encodeText, type MetaReply, type OutBuffer } from '../../protocol/index.js'
import type { Call } from '../call.js'
import type { WireItem } from '../commands.js'
import type { Reader, Receipt } from '../session.js'
import { lineError } from './errors.js'

/** Many stores behind one another, each of which is answered in turn. */
export class TextSetBatch implements Reader<MetaReply> {
  readonly #items: readonly WireItem[]
  readonly #failed = new Map<string, Error>()
  #next = 0

  constructor(items: readonly WireItem[], out: OutBuffer) {
    this.#items = items
    for (const { key, value, flags, exptime } of items)
      encodeText(out, 'set', key, ` ${flags} ${exptime} ${value.byteLength}`, value)
  }

  receive(call: Call, reply: MetaReply): Receipt {
    const { text } = (this.#items[this.#next++] as WireItem).key
    if (reply.line() !== 'STORED') {
      const { error, isFatal } = lineError(reply)
      if (isFatal) throw error
      this.#failed.set(text, error)
    }
    if (this.#next < this.#items.length) return 'more'
    call.succeed(this.#failed)
    return 'last'
  }
}

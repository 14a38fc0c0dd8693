import { encodeMeta } from '../../protocol/meta/encode.js'
import type { MetaReply } from '../../protocol/meta/reply.js'
import type { OutBuffer } from '../../protocol/out-buffer.js'
import type { Call } from '../call.js'
import type { WireItem } from '../commands.js'
import type { Reader, Receipt } from '../session.js'
import { lineError } from '../text/errors.js'
import { ownCasFlag } from './own-cas.js'
import { checkOpaque, isMetaReply, readJoined, wireOpaque } from './replies.js'

/**
 * Many stores behind one another. None is quiet: an error line names nobody, and where every command is answered
 * in turn it can only belong to the one that is due.
 */
export class MetaSetBatch implements Reader<MetaReply> {
  readonly #items: readonly WireItem[]
  readonly #base: number
  readonly #failed = new Map<string, Error>()
  #next = 0

  /** `base`: the first of as many numbers as there are items. */
  constructor(items: readonly WireItem[], out: OutBuffer, base: number, hasOwnCas: boolean) {
    this.#items = items
    this.#base = base
    for (const [i, { key, value, flags, exptime }] of items.entries()) {
      const text = ` T${exptime} F${flags}${hasOwnCas ? ownCasFlag() : ''}`
      encodeMeta(out, 'ms', key.text, key.bytes, text, wireOpaque(base + i), value)
    }
  }

  receive(call: Call, reply: MetaReply): Receipt {
    const index = this.#next++
    const { text } = (this.#items[index] as WireItem).key
    if (!isMetaReply(reply)) {
      const { error, isFatal } = lineError(reply)
      if (isFatal) throw error
      this.#failed.set(text, error)
    } else {
      checkOpaque(reply, wireOpaque(this.#base + index))
      this.#check(text, reply)
    }
    if (this.#next < this.#items.length) return 'more'
    call.succeed(this.#failed)
    return 'last'
  }

  /** A plain store is always done, or is answered with an error. */
  #check(key: string, reply: MetaReply): void {
    try {
      readJoined(reply)
    } catch (error) {
      this.#failed.set(key, error as Error)
    }
  }
}

import { encodeMeta, type MetaReply, type OutBuffer } from '../../protocol/index.js'
import type { Call } from '../call.js'
import type { WireItem } from '../commands.js'
import type { Reader, Receipt } from '../session.js'
import { lineError } from '../text/errors.js'
import { isFlagRefusal, ownCasFlag, type OwnCas } from './own-cas.js'
import { checkOpaque, isMetaReply, readJoined, wireOpaque } from './replies.js'

/** What is left of a batch whose other items were answered. */
export interface BatchRest {
  readonly items: readonly WireItem[]
  readonly failed: Map<string, Error>
}

/**
 * Many stores behind one another. None is quiet: an error line names nobody, and where every command is answered
 * in turn it can only belong to the one that is due.
 */
export class MetaSetBatch implements Reader<MetaReply> {
  readonly #items: readonly WireItem[]
  readonly #base: number
  readonly #failed: Map<string, Error>
  readonly #ownCas: OwnCas
  readonly #onRefusal: (call: Call, rest: BatchRest) => void
  readonly #refused: WireItem[] = []
  #next = 0

  /**
   * `base`: the first of as many numbers as there are items. `onRefusal` gets the items that the server refused for
   * their own CAS numbers, where that is only tried; the call is then sent again.
   */
  constructor(
    { items, failed }: BatchRest,
    out: OutBuffer,
    base: number,
    ownCas: OwnCas,
    onRefusal: (call: Call, rest: BatchRest) => void,
  ) {
    this.#items = items
    this.#failed = failed
    this.#base = base
    this.#ownCas = ownCas
    this.#onRefusal = onRefusal
    for (const [i, { key, value, flags, exptime }] of items.entries()) {
      const text = ` T${exptime} F${flags}${ownCas === 'off' ? '' : ownCasFlag()}`
      encodeMeta(out, 'ms', key.text, key.bytes, text, wireOpaque(base + i), value)
    }
  }

  receive(call: Call, reply: MetaReply): Receipt {
    const index = this.#next++
    const item = this.#items[index] as WireItem
    const { text } = item.key
    if (this.#ownCas === 'tried' && isFlagRefusal(reply)) {
      this.#refused.push(item)
    } else if (!isMetaReply(reply)) {
      const { error, isFatal } = lineError(reply)
      if (isFatal) throw error
      this.#failed.set(text, error)
    } else {
      checkOpaque(reply, wireOpaque(this.#base + index))
      this.#check(text, reply)
    }
    if (this.#next < this.#items.length) return 'more'
    if (this.#refused.length > 0) {
      this.#onRefusal(call, { items: this.#refused, failed: this.#failed })
      return 'again'
    }
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

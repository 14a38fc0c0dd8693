import {
  type BinaryFrame,
  encodeRequest,
  NO_KEY,
  Opcode,
  type OutBuffer,
  Status,
} from '../../protocol/index.js'
import type { Call } from '../call.js'
import type { WireItem, WireKey } from '../commands.js'
import { ItemBatch } from '../item-batch.js'
import { misplacedReply, type Reader, type Receipt } from '../session.js'
import { readItem, serverError } from './replies.js'

/**
 * Many quiet requests and a no-op behind them. Quiet ones answer only where there is something to say, each with
 * its own opaque number; the answer to the no-op says that there is no more to come.
 */
abstract class BinaryBatch<Entry> implements Reader<BinaryFrame> {
  readonly #opcode: number
  readonly #entries: readonly Entry[]
  readonly #base: number
  #next = 0

  /** `base`: the first of one number more than there are entries. */
  constructor(opcode: number, entries: readonly Entry[], out: OutBuffer, base: number) {
    this.#opcode = opcode
    this.#entries = entries
    this.#base = base
    for (const [i, entry] of entries.entries()) this.encode(out, (base + i) >>> 0, entry)
    encodeRequest(out, Opcode.noop, (base + entries.length) >>> 0, NO_KEY)
  }

  protected abstract encode(out: OutBuffer, opaque: number, entry: Entry): void
  protected abstract take(entry: Entry, frame: BinaryFrame, from: object): void
  protected abstract result(): unknown

  receive(call: Call, frame: BinaryFrame, from: object): Receipt {
    const index = (frame.opaque - this.#base) >>> 0
    const isLast = index === this.#entries.length
    const entry = this.#entries[index]
    // Replies come in the order of the requests: a step back is another command's reply.
    if (
      index < this.#next ||
      (!isLast && entry === undefined) ||
      frame.opcode !== (isLast ? Opcode.noop : this.#opcode)
    ) {
      throw misplacedReply()
    }
    this.#next = index + 1
    if (!isLast) {
      if (!call.isSettled) this.take(entry as Entry, frame, from)
      return 'more'
    }
    if (frame.status === Status.ok) call.succeed(this.result())
    else call.fail(serverError(frame))
    return 'last'
  }
}

/** GETQ for each key: misses are silent, and the opaque tells whose a reply is without repeating its key. */
export class BinaryGetBatch extends BinaryBatch<WireKey> {
  readonly #batch = new ItemBatch()

  constructor(keys: readonly WireKey[], out: OutBuffer, base: number) {
    super(Opcode.getQuietly, keys, out, base)
  }

  protected override encode(out: OutBuffer, opaque: number, key: WireKey): void {
    encodeRequest(out, Opcode.getQuietly, opaque, key)
  }

  protected override take(key: WireKey, frame: BinaryFrame, from: object): void {
    this.#batch.take(key.text, readItem, frame, from)
  }

  protected override result(): ItemBatch {
    return this.#batch
  }
}

/** SETQ for each item: only what could not be stored is answered. */
export class BinarySetBatch extends BinaryBatch<WireItem> {
  readonly #failed = new Map<string, Error>()

  constructor(items: readonly WireItem[], out: OutBuffer, base: number) {
    super(Opcode.setQuietly, items, out, base)
  }

  protected override encode(out: OutBuffer, opaque: number, item: WireItem): void {
    const { key, flags, exptime, value } = item
    encodeRequest(out, Opcode.setQuietly, opaque, key, [flags, exptime], value)
  }

  protected override take(item: WireItem, frame: BinaryFrame): void {
    if (frame.status !== Status.ok) this.#failed.set(item.key.text, serverError(frame))
  }

  protected override result(): ReadonlyMap<string, Error> {
    return this.#failed
  }
}

import type { CacheBatch } from '../cache.js'
import { Opcode, Status } from '../protocol/binary/codes.js'
import { encodePlain, NO_KEY } from '../protocol/binary/encode.js'
import type { BinaryFrame } from '../protocol/binary/frame.js'
import type { OutBuffer } from '../protocol/out-buffer.js'
import { bytesOfItems, bytesOfKeys, ItemBatch } from './batch-results.js'
import { readItem, serverError } from './binary-replies.js'
import { Command } from './command.js'
import { misplacedReply, type Receipt } from './exchange.js'
import type { WireItem, WireKey } from './transport.js'

/**
 * Many quiet requests and a no-op behind them. Quiet ones answer only where there is something to say, each with
 * its own opaque number; the answer to the no-op says that there is no more to come.
 */
abstract class BinaryBatch<Entry, Result> extends Command<Result, BinaryFrame> {
  readonly #opcode: number
  readonly #entries: readonly Entry[]
  #base = 0
  #next = 0

  constructor(
    opcode: number,
    entries: readonly Entry[],
    resolve: (result: Result) => void,
    reject: (error: Error) => void,
  ) {
    super(resolve, reject)
    this.#opcode = opcode
    this.#entries = entries
  }

  override get opaques(): number {
    return this.#entries.length + 1
  }

  protected abstract encodeEntry(out: OutBuffer, entry: Entry, opcode: number, opaque: number): void
  protected abstract take(entry: Entry, frame: BinaryFrame, from: object): void
  /** Forgets the replies of an earlier attempt. */
  protected abstract restart(): void
  protected abstract result(): Result

  override encode(out: OutBuffer, opaque: number): void {
    this.restart()
    this.#base = opaque
    this.#next = 0
    this.#entries.forEach((entry, i) => this.encodeEntry(out, entry, this.#opcode, (opaque + i) >>> 0))
    encodePlain(out, Opcode.noop, (opaque + this.#entries.length) >>> 0, NO_KEY)
  }

  override receive(frame: BinaryFrame, from: object): Receipt {
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
      if (!this.isSettled) this.take(entry as Entry, frame, from)
      return 'more'
    }
    if (frame.status === Status.ok) this.succeed(this.result())
    else this.fail(serverError(frame))
    return 'last'
  }
}

/** GETQ for each key: misses are silent, and the opaque tells whose a reply is without repeating its key. */
export class BinaryGetBatch extends BinaryBatch<WireKey, CacheBatch> {
  override readonly bytes: number
  #batch = new ItemBatch()

  constructor(
    keys: readonly WireKey[],
    resolve: (result: CacheBatch) => void,
    reject: (error: Error) => void,
  ) {
    super(Opcode.getQuietly, keys, resolve, reject)
    this.bytes = bytesOfKeys(keys)
  }

  override get idempotent(): boolean {
    return true
  }

  protected override restart(): void {
    this.#batch = new ItemBatch()
  }

  protected override encodeEntry(out: OutBuffer, key: WireKey, opcode: number, opaque: number): void {
    encodePlain(out, opcode, opaque, key)
  }

  protected override take(key: WireKey, frame: BinaryFrame, from: object): void {
    this.#batch.take(key, readItem, frame, from)
  }

  protected override result(): CacheBatch {
    return this.#batch
  }
}

/** SETQ for each item: only what could not be stored is answered. Never sent twice: it might undo a later write. */
export class BinarySetBatch extends BinaryBatch<WireItem, ReadonlyMap<string, Error>> {
  override readonly bytes: number
  #failed = new Map<string, Error>()

  constructor(
    items: readonly WireItem[],
    resolve: (result: ReadonlyMap<string, Error>) => void,
    reject: (error: Error) => void,
  ) {
    super(Opcode.setQuietly, items, resolve, reject)
    this.bytes = bytesOfItems(items)
  }

  protected override restart(): void {
    this.#failed = new Map()
  }

  protected override encodeEntry(out: OutBuffer, item: WireItem, opcode: number, opaque: number): void {
    encodePlain(out, opcode, opaque, item.key, [item.flags, item.exptime], item.value)
  }

  protected override take(item: WireItem, frame: BinaryFrame): void {
    if (frame.status !== Status.ok) this.#failed.set(item.key.text, serverError(frame))
  }

  protected override result(): ReadonlyMap<string, Error> {
    return this.#failed
  }
}

import type { StorageError } from '@larder/storage-core'
import type { CacheBatch, CacheItem } from '../cache.js'
import { Opcode, Status } from '../protocol/binary/codes.js'
import { encodeRequest } from '../protocol/binary/encode.js'
import type { BinaryFrame } from '../protocol/binary/frame.js'
import type { OutBuffer } from '../protocol/out-buffer.js'
import { readItem, serverError } from './binary-replies.js'
import type { Exchange } from './exchange.js'
import type { WireItem, WireKey } from './transport.js'

const OVERHEAD_BYTES = 64
const NO_EXTRAS: readonly number[] = []

/**
 * Many quiet requests and a no-op behind them. Quiet ones answer only where there is something to say, each with
 * its own opaque number; the answer to the no-op says that there is no more to come.
 */
abstract class BinaryBatch<Entry, Result> implements Exchange<BinaryFrame> {
  abstract readonly idempotent: boolean
  abstract readonly bytes: number
  readonly boundTo = undefined
  readonly opaques: number
  deadline = 0
  attempts = 0
  isSettled = false
  protected readonly entries: readonly Entry[]
  readonly #resolve: (result: Result) => void
  readonly #reject: (error: Error) => void
  readonly #opcode: number
  #base = 0
  #next = 0

  constructor(
    opcode: number,
    entries: readonly Entry[],
    resolve: (result: Result) => void,
    reject: (error: Error) => void,
  ) {
    this.#opcode = opcode
    this.entries = entries
    this.opaques = entries.length + 1
    this.#resolve = resolve
    this.#reject = reject
  }

  protected abstract encodeEntry(out: OutBuffer, entry: Entry, opcode: number, opaque: number): void
  protected abstract take(entry: Entry, frame: BinaryFrame, from: object): void
  /** Forgets the replies of an earlier attempt. */
  protected abstract restart(): void
  protected abstract result(): Result

  encode(out: OutBuffer, opaque: number): void {
    this.restart()
    this.#base = opaque
    this.#next = 0
    this.entries.forEach((entry, i) => this.encodeEntry(out, entry, this.#opcode, (opaque + i) >>> 0))
    const last = (opaque + this.entries.length) >>> 0
    encodeRequest(out, { ...NOOP, opaque: last })
  }

  receive(frame: BinaryFrame, from: object): boolean {
    const index = (frame.opaque - this.#base) >>> 0
    const isLast = index === this.entries.length
    const entry = this.entries[index]
    // Replies come in the order of the requests: a step back is another command's reply.
    if (
      index < this.#next ||
      (!isLast && entry === undefined) ||
      frame.opcode !== (isLast ? Opcode.noop : this.#opcode)
    ) {
      throw new Error('The server answered another command than the one that is due')
    }
    this.#next = index + 1
    if (this.isSettled) return isLast
    if (!isLast) this.take(entry as Entry, frame, from)
    else this.#settle(frame)
    return isLast
  }

  unbind(): void {}

  fail(error: StorageError): void {
    if (this.isSettled) return
    this.isSettled = true
    this.#reject(error)
  }

  #settle(frame: BinaryFrame): void {
    this.isSettled = true
    if (frame.status === Status.ok) this.#resolve(this.result())
    else this.#reject(serverError(frame))
  }
}

const NOOP = {
  opcode: Opcode.noop,
  key: '',
  keyBytes: 0,
  extras: NO_EXTRAS,
  value: undefined,
  casHigh: 0,
  casLow: 0,
}

/** GETQ for each key: misses are silent, and the opaque tells whose a reply is without repeating its key. */
export class BinaryGetBatch extends BinaryBatch<WireKey, CacheBatch> {
  override readonly idempotent = true
  override readonly bytes: number
  #items = new Map<string, CacheItem>()
  #failed = new Map<string, Error>()

  constructor(
    keys: readonly WireKey[],
    resolve: (result: CacheBatch) => void,
    reject: (error: Error) => void,
  ) {
    super(Opcode.getQuietly, keys, resolve, reject)
    this.bytes = keys.reduce((sum, key) => sum + key.bytes + OVERHEAD_BYTES, 0)
  }

  protected override restart(): void {
    this.#items = new Map()
    this.#failed = new Map()
  }

  protected override encodeEntry(out: OutBuffer, key: WireKey, opcode: number, opaque: number): void {
    encodeRequest(out, {
      opcode,
      opaque,
      key: key.text,
      keyBytes: key.bytes,
      extras: NO_EXTRAS,
      value: undefined,
      casHigh: 0,
      casLow: 0,
    })
  }

  protected override take(key: WireKey, frame: BinaryFrame, from: object): void {
    try {
      const item = readItem(frame, from)
      if (item !== undefined) this.#items.set(key.text, item)
    } catch (error) {
      this.#failed.set(key.text, error as Error)
    }
  }

  protected override result(): CacheBatch {
    return { items: this.#items, failed: this.#failed }
  }
}

/** SETQ for each item: only what could not be stored is answered. Never sent twice: it might undo a later write. */
export class BinarySetBatch extends BinaryBatch<WireItem, ReadonlyMap<string, Error>> {
  override readonly idempotent = false
  override readonly bytes: number
  #failed = new Map<string, Error>()

  constructor(
    items: readonly WireItem[],
    resolve: (result: ReadonlyMap<string, Error>) => void,
    reject: (error: Error) => void,
  ) {
    super(Opcode.setQuietly, items, resolve, reject)
    this.bytes = items.reduce((sum, item) => sum + item.key.bytes + item.value.byteLength + OVERHEAD_BYTES, 0)
  }

  protected override restart(): void {
    this.#failed = new Map()
  }

  protected override encodeEntry(out: OutBuffer, item: WireItem, opcode: number, opaque: number): void {
    encodeRequest(out, {
      opcode,
      opaque,
      key: item.key.text,
      keyBytes: item.key.bytes,
      extras: [item.flags, item.exptime],
      value: item.value,
      casHigh: 0,
      casLow: 0,
    })
  }

  protected override take(item: WireItem, frame: BinaryFrame): void {
    if (frame.status !== Status.ok) this.#failed.set(item.key.text, serverError(frame))
  }

  protected override result(): ReadonlyMap<string, Error> {
    return this.#failed
  }
}

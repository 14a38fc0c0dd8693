import type { StorageError } from '@larder/storage-core'
import type { CacheBatch, CacheItem } from '../cache.js'
import { encodeKeys, encodeMeta } from '../protocol/meta/encode.js'
import { CLASSIC_VALUE, type MetaReply } from '../protocol/meta/reply.js'
import type { OutBuffer } from '../protocol/out-buffer.js'
import type { Exchange } from './exchange.js'
import { checkOpaque, classicItem, isMetaReply, lineError, readDone, wireOpaque } from './meta-replies.js'
import type { WireItem, WireKey } from './transport.js'

const OVERHEAD_BYTES = 64
/** With keys of 250 bytes, a line of 25 kB. */
const KEYS_PER_LINE = 100

/**
 * The classic `gets`, which a server answers in half the time of as many single commands. Values come in the order
 * of the keys and name them, `END` ends them, and what was not named is a miss.
 */
export class ClassicGetBatch implements Exchange<MetaReply> {
  readonly idempotent = true
  readonly boundTo = undefined
  readonly opaques = 0
  readonly bytes: number
  deadline = 0
  attempts = 0
  isSettled = false
  readonly #keys: readonly WireKey[]
  readonly #resolve: (result: CacheBatch) => void
  readonly #reject: (error: Error) => void
  #items = new Map<string, CacheItem>()
  #failed = new Map<string, Error>()
  #next = 0
  #openLines = 0

  constructor(
    keys: readonly WireKey[],
    resolve: (result: CacheBatch) => void,
    reject: (error: Error) => void,
  ) {
    this.#keys = keys
    this.#resolve = resolve
    this.#reject = reject
    this.bytes = keys.reduce((sum, key) => sum + key.bytes + OVERHEAD_BYTES, 0)
  }

  encode(out: OutBuffer): void {
    this.#items = new Map()
    this.#failed = new Map()
    this.#next = 0
    this.#openLines = Math.ceil(this.#keys.length / KEYS_PER_LINE)
    for (let i = 0; i < this.#keys.length; i += KEYS_PER_LINE) {
      encodeKeys(out, 'gets', this.#keys.slice(i, i + KEYS_PER_LINE))
    }
  }

  receive(reply: MetaReply, from: object): boolean {
    if (reply.code === CLASSIC_VALUE) {
      this.#take(reply, from)
      return false
    }
    if (reply.line() !== 'END') {
      // Nobody knows which keys it stands for, nor what follows.
      const { error } = lineError(reply)
      this.fail(error)
      throw error
    }
    if (--this.#openLines > 0) return false
    if (!this.isSettled) this.#resolve({ items: this.#items, failed: this.#failed })
    this.isSettled = true
    return true
  }

  unbind(): void {}

  fail(error: StorageError): void {
    if (this.isSettled) return
    this.isSettled = true
    this.#reject(error)
  }

  #take(reply: MetaReply, from: object): void {
    let key = this.#keys[this.#next++]
    while (key !== undefined && !reply.isAbout(key.text, key.bytes)) key = this.#keys[this.#next++]
    if (key === undefined) throw new Error('The server answered another command than the one that is due')
    if (this.isSettled) return
    try {
      this.#items.set(key.text, classicItem(reply, from))
    } catch (error) {
      this.#failed.set(key.text, error as Error)
    }
  }
}

/**
 * Many commands behind one another. None is quiet: an error line names nobody, and where every command is
 * answered in turn it can only belong to the one that is due.
 */
abstract class MetaBatch<Entry, Result> implements Exchange<MetaReply> {
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
  #base = 0
  #next = 0

  constructor(entries: readonly Entry[], resolve: (result: Result) => void, reject: (error: Error) => void) {
    this.entries = entries
    this.opaques = entries.length
    this.#resolve = resolve
    this.#reject = reject
  }

  protected abstract encodeEntry(out: OutBuffer, entry: Entry, opaque: number): void
  protected abstract take(entry: Entry, reply: MetaReply, from: object): void
  protected abstract refuse(entry: Entry, error: Error): void
  /** Forgets the replies of an earlier attempt. */
  protected abstract restart(): void
  protected abstract result(): Result

  encode(out: OutBuffer, opaque: number): void {
    this.restart()
    this.#base = opaque
    this.#next = 0
    for (const [i, entry] of this.entries.entries()) this.encodeEntry(out, entry, wireOpaque(opaque + i))
  }

  receive(reply: MetaReply, from: object): boolean {
    const index = this.#next++
    const entry = this.entries[index] as Entry
    if (!isMetaReply(reply)) {
      const { error, isFatal } = lineError(reply)
      if (isFatal) throw error
      this.refuse(entry, error)
    } else {
      checkOpaque(reply, wireOpaque(this.#base + index))
      if (!this.isSettled) this.#take(entry, reply, from)
    }
    if (this.#next < this.entries.length) return false
    if (!this.isSettled) this.#resolve(this.result())
    this.isSettled = true
    return true
  }

  unbind(): void {}

  fail(error: StorageError): void {
    if (this.isSettled) return
    this.isSettled = true
    this.#reject(error)
  }

  #take(entry: Entry, reply: MetaReply, from: object): void {
    try {
      this.take(entry, reply, from)
    } catch (error) {
      this.refuse(entry, error as Error)
    }
  }
}

/** Never sent twice: it might undo a later write. */
export class MetaSetBatch extends MetaBatch<WireItem, ReadonlyMap<string, Error>> {
  override readonly idempotent = false
  override readonly bytes: number
  #failed = new Map<string, Error>()

  constructor(
    items: readonly WireItem[],
    resolve: (result: ReadonlyMap<string, Error>) => void,
    reject: (error: Error) => void,
  ) {
    super(items, resolve, reject)
    this.bytes = items.reduce((sum, item) => sum + item.key.bytes + item.value.byteLength + OVERHEAD_BYTES, 0)
  }

  protected override restart(): void {
    this.#failed = new Map()
  }

  protected override encodeEntry(out: OutBuffer, item: WireItem, opaque: number): void {
    const { key, value, flags, exptime } = item
    encodeMeta(out, 'ms', key.text, key.bytes, ` T${exptime} F${flags}`, opaque, value)
  }

  protected override take(_item: WireItem, reply: MetaReply): void {
    // A plain store is always done, or is answered with an error.
    readDone(reply)
  }

  protected override refuse(item: WireItem, error: Error): void {
    this.#failed.set(item.key.text, error)
  }

  protected override result(): ReadonlyMap<string, Error> {
    return this.#failed
  }
}

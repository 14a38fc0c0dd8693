import type { CacheBatch } from '../cache.js'
import { encodeKey, encodeMeta, extendKeys } from '../protocol/meta/encode.js'
import { ClassicCode, type MetaReply } from '../protocol/meta/reply.js'
import type { OutBuffer } from '../protocol/out-buffer.js'
import { bytesOfItems, bytesOfKeys, ItemBatch } from './batch-results.js'
import { Command } from './command.js'
import { misplacedReply, type Receipt } from './exchange.js'
import {
  checkOpaque,
  classicItem,
  GETS,
  isMetaReply,
  KEYS_PER_LINE,
  lineError,
  readDone,
  refuseLine,
  wireOpaque,
} from './meta-replies.js'
import type { WireItem, WireKey } from './transport.js'

/**
 * The classic `gets`, which a server answers in half the time of as many single commands. Values come in the order
 * of the keys and name them, `END` ends them, and what was not named is a miss.
 */
export class ClassicGetBatch extends Command<CacheBatch, MetaReply> {
  override readonly bytes: number
  readonly #keys: readonly WireKey[]
  #batch = new ItemBatch()
  #next = 0
  #openLines = 0

  constructor(
    keys: readonly WireKey[],
    resolve: (result: CacheBatch) => void,
    reject: (error: Error) => void,
  ) {
    super(resolve, reject)
    this.#keys = keys
    this.bytes = bytesOfKeys(keys)
  }

  override get idempotent(): boolean {
    return true
  }

  override get opaques(): number {
    return 0
  }

  override encode(out: OutBuffer): void {
    this.#batch = new ItemBatch()
    this.#next = 0
    this.#openLines = Math.ceil(this.#keys.length / KEYS_PER_LINE)
    for (const [i, key] of this.#keys.entries()) {
      if (i % KEYS_PER_LINE === 0) encodeKey(out, GETS, key)
      else extendKeys(out, key)
    }
  }

  override receive(reply: MetaReply, from: object): Receipt {
    if (reply.code === ClassicCode.value) {
      this.#take(reply, from)
      return 'more'
    }
    if (reply.code !== ClassicCode.end) refuseLine(this, reply)
    if (--this.#openLines > 0) return 'more'
    this.succeed(this.#batch)
    return 'last'
  }

  #take(reply: MetaReply, from: object): void {
    let key = this.#keys[this.#next++]
    while (key !== undefined && !reply.isAbout(key.text, key.bytes)) key = this.#keys[this.#next++]
    if (key === undefined) throw misplacedReply()
    if (!this.isSettled) this.#batch.take(key, classicItem, reply, from)
  }
}

/**
 * Many stores behind one another. None is quiet: an error line names nobody, and where every command is answered
 * in turn it can only belong to the one that is due. Never sent twice: it might undo a later write.
 */
export class MetaSetBatch extends Command<ReadonlyMap<string, Error>, MetaReply> {
  override readonly bytes: number
  readonly #items: readonly WireItem[]
  #failed = new Map<string, Error>()
  #base = 0
  #next = 0

  constructor(
    items: readonly WireItem[],
    resolve: (result: ReadonlyMap<string, Error>) => void,
    reject: (error: Error) => void,
  ) {
    super(resolve, reject)
    this.#items = items
    this.bytes = bytesOfItems(items)
  }

  override get opaques(): number {
    return this.#items.length
  }

  override encode(out: OutBuffer, opaque: number): void {
    this.#failed = new Map()
    this.#base = opaque
    this.#next = 0
    for (const [i, { key, value, flags, exptime }] of this.#items.entries()) {
      encodeMeta(out, 'ms', key.text, key.bytes, ` T${exptime} F${flags}`, wireOpaque(opaque + i), value)
    }
  }

  override receive(reply: MetaReply): Receipt {
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
    this.succeed(this.#failed)
    return 'last'
  }

  /** A plain store is always done, or is answered with an error. */
  #check(key: string, reply: MetaReply): void {
    try {
      readDone(reply)
    } catch (error) {
      this.#failed.set(key, error as Error)
    }
  }
}

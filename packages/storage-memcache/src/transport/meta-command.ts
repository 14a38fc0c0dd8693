import type { StorageError } from '@larder/storage-core'
import { encodeMeta } from '../protocol/meta/encode.js'
import type { MetaReply } from '../protocol/meta/reply.js'
import type { OutBuffer } from '../protocol/out-buffer.js'
import type { CasId } from './cas-id.js'
import type { Exchange } from './exchange.js'
import { checkOpaque, isMetaReply, lineError, wireOpaque } from './meta-replies.js'
import type { WireKey } from './transport.js'

const OVERHEAD_BYTES = 64

export interface MetaCommandFields<T> {
  readonly verb: 'mg' | 'ms' | 'md' | 'ma'
  readonly key: WireKey
  /** With a space before each. */
  readonly flags: string
  readonly value?: Uint8Array | undefined
  readonly boundTo?: CasId<object> | undefined
  /** What the answer is where the connection of `boundTo` is gone. */
  readonly withoutConnection?: T
  readonly idempotent?: boolean
  /** Turns the reply into the result; a `StorageError` thrown here rejects the command and nothing else. */
  readonly read: (reply: MetaReply, from: object) => T
}

/** A meta command, which has exactly one reply. */
export class MetaCommand<T> implements Exchange<MetaReply> {
  readonly bytes: number
  readonly opaques = 1
  deadline = 0
  attempts = 0
  isSettled = false
  readonly #fields: MetaCommandFields<T>
  readonly #resolve: (result: T) => void
  readonly #reject: (error: Error) => void
  #opaque = 0

  constructor(fields: MetaCommandFields<T>, resolve: (result: T) => void, reject: (error: Error) => void) {
    this.#fields = fields
    this.bytes = fields.key.bytes + (fields.value?.byteLength ?? 0) + OVERHEAD_BYTES
    this.#resolve = resolve
    this.#reject = reject
  }

  get idempotent(): boolean {
    return this.#fields.idempotent ?? false
  }

  get boundTo(): object | undefined {
    return this.#fields.boundTo?.origin
  }

  encode(out: OutBuffer, opaque: number): void {
    const { verb, key, flags, value } = this.#fields
    this.#opaque = wireOpaque(opaque)
    encodeMeta(out, verb, key.text, key.bytes, flags, this.#opaque, value)
  }

  receive(reply: MetaReply, from: object): boolean {
    if (!isMetaReply(reply)) {
      const error = lineError(reply)
      this.fail(error.error)
      if (error.isFatal) throw error.error
      return true
    }
    checkOpaque(reply, this.#opaque)
    if (this.isSettled) return true
    this.isSettled = true
    try {
      this.#resolve(this.#fields.read(reply, from))
    } catch (error) {
      this.#reject(error as Error)
    }
    return true
  }

  unbind(): void {
    if (this.isSettled) return
    this.isSettled = true
    this.#resolve(this.#fields.withoutConnection as T)
  }

  fail(error: StorageError): void {
    if (this.isSettled) return
    this.isSettled = true
    this.#reject(error)
  }
}

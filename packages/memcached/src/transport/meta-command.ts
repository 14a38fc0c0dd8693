import { encodeMeta } from '../protocol/meta/encode.js'
import type { MetaReply } from '../protocol/meta/reply.js'
import type { OutBuffer } from '../protocol/out-buffer.js'
import type { CasId } from './cas-id.js'
import { Command, OVERHEAD_BYTES } from './command.js'
import type { Receipt } from './exchange.js'
import { checkOpaque, isMetaReply, refuse, wireOpaque } from './meta-replies.js'
import type { WireKey } from './transport.js'

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
export class MetaCommand<T> extends Command<T, MetaReply> {
  override readonly bytes: number
  readonly #fields: MetaCommandFields<T>
  #opaque = 0

  constructor(fields: MetaCommandFields<T>, resolve: (result: T) => void, reject: (error: Error) => void) {
    super(resolve, reject)
    this.#fields = fields
    this.bytes = fields.key.bytes + (fields.value?.byteLength ?? 0) + OVERHEAD_BYTES
  }

  override get idempotent(): boolean {
    return this.#fields.idempotent ?? false
  }

  override get boundTo(): object | undefined {
    return this.#fields.boundTo?.origin
  }

  override encode(out: OutBuffer, opaque: number): void {
    const { verb, key, flags, value } = this.#fields
    this.#opaque = wireOpaque(opaque)
    encodeMeta(out, verb, key.text, key.bytes, flags, this.#opaque, value)
  }

  override receive(reply: MetaReply, from: object): Receipt {
    if (!isMetaReply(reply)) return refuse(this, reply)
    checkOpaque(reply, this.#opaque)
    this.settle(this.#fields.read, reply, from)
    return 'last'
  }

  override unbind(): void {
    this.succeed(this.#fields.withoutConnection as T)
  }
}

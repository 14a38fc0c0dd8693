import { encodeRequest, NO_EXTRAS, type BinaryRequest } from '../protocol/binary/encode.js'
import type { BinaryFrame } from '../protocol/binary/frame.js'
import type { OutBuffer } from '../protocol/out-buffer.js'
import type { CasId } from './cas-id.js'
import { Command, OVERHEAD_BYTES } from './command.js'
import { misplacedReply, type Receipt } from './exchange.js'
import type { WireKey } from './transport.js'

export interface BinaryCommandFields<T> {
  readonly opcode: number
  readonly key: WireKey
  readonly extras?: readonly number[]
  readonly value?: Uint8Array | undefined
  readonly cas?: CasId<object> | undefined
  /** What the answer is where the connection of `cas` is gone. */
  readonly withoutConnection?: T
  readonly idempotent?: boolean
  /** Turns the reply into the result; a `StorageError` thrown here rejects the command and nothing else. */
  readonly read: (frame: BinaryFrame, from: object) => T
}

/** A command with exactly one reply. */
export class BinaryCommand<T> extends Command<T, BinaryFrame> implements BinaryRequest {
  override readonly bytes: number
  readonly opcode: number
  readonly key: string
  readonly keyBytes: number
  readonly extras: readonly number[]
  readonly value: Uint8Array | undefined
  readonly casHigh: number
  readonly casLow: number
  opaque = 0
  readonly #fields: BinaryCommandFields<T>

  constructor(fields: BinaryCommandFields<T>, resolve: (result: T) => void, reject: (error: Error) => void) {
    super(resolve, reject)
    this.#fields = fields
    this.opcode = fields.opcode
    this.key = fields.key.text
    this.keyBytes = fields.key.bytes
    this.extras = fields.extras ?? NO_EXTRAS
    this.value = fields.value
    this.casHigh = fields.cas?.high ?? 0
    this.casLow = fields.cas?.low ?? 0
    this.bytes = this.keyBytes + (fields.value?.byteLength ?? 0) + OVERHEAD_BYTES
  }

  override get idempotent(): boolean {
    return this.#fields.idempotent ?? false
  }

  override get boundTo(): object | undefined {
    return this.#fields.cas?.origin
  }

  override encode(out: OutBuffer, opaque: number): void {
    this.opaque = opaque
    encodeRequest(out, this)
  }

  override receive(frame: BinaryFrame, from: object): Receipt {
    if (frame.opaque !== this.opaque || frame.opcode !== this.opcode) {
      throw misplacedReply()
    }
    this.settle(this.#fields.read, frame, from)
    return 'last'
  }

  override unbind(): void {
    this.succeed(this.#fields.withoutConnection as T)
  }
}

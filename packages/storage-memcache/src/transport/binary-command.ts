import type { StorageError } from '@larder/storage-core'
import { encodeRequest, type BinaryRequest } from '../protocol/binary/encode.js'
import type { BinaryFrame } from '../protocol/binary/frame.js'
import type { OutBuffer } from '../protocol/out-buffer.js'
import type { CasId } from './cas-id.js'
import type { Exchange } from './exchange.js'
import type { WireKey } from './transport.js'

const OVERHEAD_BYTES = 64
const NO_EXTRAS: readonly number[] = []

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
export class BinaryCommand<T> implements Exchange<BinaryFrame>, BinaryRequest {
  readonly opcode: number
  readonly key: string
  readonly keyBytes: number
  readonly extras: readonly number[]
  readonly value: Uint8Array | undefined
  readonly casHigh: number
  readonly casLow: number
  readonly boundTo: object | undefined
  readonly idempotent: boolean
  readonly bytes: number
  readonly opaques = 1
  deadline = 0
  attempts = 0
  isSettled = false
  opaque = 0
  readonly #read: BinaryCommandFields<T>['read']
  readonly #withoutConnection: T | undefined
  readonly #resolve: (result: T) => void
  readonly #reject: (error: Error) => void

  constructor(fields: BinaryCommandFields<T>, resolve: (result: T) => void, reject: (error: Error) => void) {
    this.opcode = fields.opcode
    this.key = fields.key.text
    this.keyBytes = fields.key.bytes
    this.extras = fields.extras ?? NO_EXTRAS
    this.value = fields.value
    this.casHigh = fields.cas?.high ?? 0
    this.casLow = fields.cas?.low ?? 0
    this.boundTo = fields.cas?.origin
    this.idempotent = fields.idempotent ?? false
    this.bytes = this.keyBytes + (fields.value?.byteLength ?? 0) + OVERHEAD_BYTES
    this.#read = fields.read
    this.#withoutConnection = fields.withoutConnection
    this.#resolve = resolve
    this.#reject = reject
  }

  encode(out: OutBuffer, opaque: number): void {
    this.opaque = opaque
    encodeRequest(out, this)
  }

  receive(frame: BinaryFrame, from: object): boolean {
    if (frame.opaque !== this.opaque || frame.opcode !== this.opcode) {
      throw new Error('The server answered another command than the one that is due')
    }
    if (this.isSettled) return true
    this.isSettled = true
    try {
      this.#resolve(this.#read(frame, from))
    } catch (error) {
      this.#reject(error as Error)
    }
    return true
  }

  unbind(): void {
    if (this.isSettled) return
    this.isSettled = true
    this.#resolve(this.#withoutConnection as T)
  }

  fail(error: StorageError): void {
    if (this.isSettled) return
    this.isSettled = true
    this.#reject(error)
  }
}

import type { StorageError } from '@larder/storage-core'
import { Opcode, Status } from '../protocol/binary/codes.js'
import { encodeRequest } from '../protocol/binary/encode.js'
import type { BinaryFrame } from '../protocol/binary/frame.js'
import type { OutBuffer } from '../protocol/out-buffer.js'
import { serverError } from './binary-replies.js'
import type { Exchange } from './exchange.js'

/** One request, and a reply for each line; one without a body ends them. */
export class BinaryStats implements Exchange<BinaryFrame> {
  readonly bytes = 64
  readonly idempotent = false
  readonly boundTo = undefined
  readonly opaques = 1
  deadline = 0
  attempts = 0
  isSettled = false
  readonly #topic: string
  readonly #lines = new Map<string, string>()
  readonly #resolve: (lines: ReadonlyMap<string, string>) => void
  readonly #reject: (error: Error) => void
  #opaque = 0

  constructor(
    topic: string,
    resolve: (lines: ReadonlyMap<string, string>) => void,
    reject: (error: Error) => void,
  ) {
    this.#topic = topic
    this.#resolve = resolve
    this.#reject = reject
  }

  encode(out: OutBuffer, opaque: number): void {
    this.#opaque = opaque
    const key = { key: this.#topic, keyBytes: this.#topic.length }
    encodeRequest(out, {
      ...key,
      opcode: Opcode.stat,
      opaque,
      extras: [],
      value: undefined,
      casHigh: 0,
      casLow: 0,
    })
  }

  receive(frame: BinaryFrame): boolean {
    if (frame.opaque !== this.#opaque || frame.opcode !== Opcode.stat) {
      throw new Error('The server answered another command than the one that is due')
    }
    if (frame.status !== Status.ok) {
      this.fail(serverError(frame))
      return true
    }
    if (frame.hasBody) {
      this.#lines.set(frame.keyText(), frame.valueText())
      return false
    }
    if (!this.isSettled) this.#resolve(this.#lines)
    this.isSettled = true
    return true
  }

  unbind(): void {}

  fail(error: StorageError): void {
    if (this.isSettled) return
    this.isSettled = true
    this.#reject(error)
  }
}

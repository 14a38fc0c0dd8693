import { StorageError } from '@larder/storage-core'
import { encodeLine } from '../protocol/meta/encode.js'
import type { MetaReply } from '../protocol/meta/reply.js'
import type { OutBuffer } from '../protocol/out-buffer.js'
import type { Exchange } from './exchange.js'

/** A classic text command about no key, answered by lines of which `isLast` knows the end. */
export class LineCommand<T> implements Exchange<MetaReply> {
  readonly bytes = 64
  readonly idempotent = false
  readonly boundTo = undefined
  readonly opaques = 0
  deadline = 0
  attempts = 0
  isSettled = false
  readonly #line: string
  readonly #isLast: (line: string) => boolean
  readonly #read: (lines: readonly string[]) => T
  readonly #resolve: (result: T) => void
  readonly #reject: (error: Error) => void
  readonly #lines: string[] = []

  constructor(
    fields: {
      readonly line: string
      readonly isLast: (line: string) => boolean
      readonly read: (lines: readonly string[]) => T
    },
    resolve: (result: T) => void,
    reject: (error: Error) => void,
  ) {
    this.#line = fields.line
    this.#isLast = fields.isLast
    this.#read = fields.read
    this.#resolve = resolve
    this.#reject = reject
  }

  encode(out: OutBuffer): void {
    encodeLine(out, this.#line)
  }

  receive(reply: MetaReply): boolean {
    const line = reply.line()
    const isError = /^(?:ERROR$|CLIENT_ERROR |SERVER_ERROR )/.test(line)
    if (isError) this.fail(new StorageError('E_SERVER', `The server answered: ${line.slice(0, 200)}`))
    else this.#lines.push(line)
    if (!isError && !this.#isLast(line)) return false
    if (!this.isSettled) this.#resolve(this.#read(this.#lines))
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

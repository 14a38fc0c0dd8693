import { encodeLine } from '../protocol/meta/encode.js'
import type { MetaReply } from '../protocol/meta/reply.js'
import type { OutBuffer } from '../protocol/out-buffer.js'
import { Command, OVERHEAD_BYTES } from './command.js'
import type { Receipt } from './exchange.js'
import { unexpected } from './meta-replies.js'

/** A classic text command about no key, answered by lines of which `isLast` knows the end. */
export class LineCommand<T> extends Command<T, MetaReply> {
  override readonly bytes = OVERHEAD_BYTES
  readonly #line: string
  readonly #isLast: (line: string) => boolean
  readonly #read: (lines: readonly string[]) => T
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
    super(resolve, reject)
    this.#line = fields.line
    this.#isLast = fields.isLast
    this.#read = fields.read
  }

  override get opaques(): number {
    return 0
  }

  override encode(out: OutBuffer): void {
    encodeLine(out, this.#line)
  }

  override receive(reply: MetaReply): Receipt {
    const line = reply.line()
    if (/^(?:ERROR$|CLIENT_ERROR |SERVER_ERROR )/.test(line)) {
      this.fail(unexpected(reply))
      return 'last'
    }
    this.#lines.push(line)
    if (!this.#isLast(line)) return 'more'
    this.succeed(this.#read(this.#lines))
    return 'last'
  }
}

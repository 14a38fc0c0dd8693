import { Opcode, Status } from '../protocol/binary/codes.js'
import { encodePlain } from '../protocol/binary/encode.js'
import type { BinaryFrame } from '../protocol/binary/frame.js'
import type { OutBuffer } from '../protocol/out-buffer.js'
import { serverError } from './binary-replies.js'
import { Command, OVERHEAD_BYTES } from './command.js'
import { misplacedReply, type Receipt } from './exchange.js'

/** One request, and a reply for each line; one without a body ends them. */
export class BinaryStats extends Command<ReadonlyMap<string, string>, BinaryFrame> {
  override readonly bytes = OVERHEAD_BYTES
  readonly #topic: string
  readonly #lines = new Map<string, string>()
  #opaque = 0

  constructor(
    topic: string,
    resolve: (lines: ReadonlyMap<string, string>) => void,
    reject: (error: Error) => void,
  ) {
    super(resolve, reject)
    this.#topic = topic
  }

  override encode(out: OutBuffer, opaque: number): void {
    this.#opaque = opaque
    encodePlain(out, Opcode.stat, opaque, { text: this.#topic, bytes: this.#topic.length })
  }

  override receive(frame: BinaryFrame): Receipt {
    if (frame.opaque !== this.#opaque || frame.opcode !== Opcode.stat) {
      throw misplacedReply()
    }
    if (frame.status !== Status.ok) this.fail(serverError(frame))
    else if (!frame.hasBody) this.succeed(this.#lines)
    else {
      this.#lines.set(frame.keyText(), frame.valueText())
      return 'more'
    }
    return 'last'
  }
}

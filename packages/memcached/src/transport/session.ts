import type { OutBuffer } from '../protocol/index.js'
import type { Call } from './call.js'
import { Fifo } from './fifo.js'

/** What a reply was to the call that it was shown to. */
export type Receipt =
  /** One of its replies; more will come. */
  | 'more'
  /** Its last one. */
  | 'last'
  /** Its last one, and one of the next call too, to which it is shown. */
  | 'passed'
  /** Its last one; the call has a further step, and is sent again. */
  | 'again'

/** Takes the replies to one call, or to several that share them. */
export interface Reader<Frame> {
  /** Throws where the frame cannot be a reply to this call: the connection is then of no use. */
  receive(call: Call, frame: Frame, from: object): Receipt
}

/** What a session tells the connection that it belongs to. */
export interface SessionOwner {
  /** The cache that it is a connection of, to tell its tokens from those of others. */
  readonly home: object
  /** All replies to the call came. `again`: it is to be sent once more. */
  replied(call: Call, again: boolean): void
}

/** One protocol on one connection: it writes calls and reads their replies, which come in the order of the calls. */
export interface Session {
  /** Calls that were written and not yet answered, in their order. */
  readonly sent: Fifo<Call>
  /** What follows leaves in one write. */
  beginWrite(): void
  /** Writes the call; `queue` holds what may come behind it. */
  send(call: Call, out: OutBuffer, queue: Fifo<Call>): void
  /** Takes what arrived. Throws where it is no reply to what was sent. */
  push(chunk: Buffer): void
}

/** Begins to speak a protocol on a connection that is ready. */
export type OpenSession = (owner: SessionOwner) => Session

/** For a reply that is not to the call whose turn it is. */
export function misplacedReply(): Error {
  return new Error('The server answered another command than the one that is due')
}

/** Pairs replies with the calls that wait for them. */
export abstract class FrameSession<Frame> implements Session {
  readonly sent = new Fifo<Call>()
  /** See `TokenOrigin`. */
  readonly home: object
  readonly #readers = new Fifo<Reader<Frame>>()
  readonly #owner: SessionOwner

  constructor(owner: SessionOwner) {
    this.#owner = owner
    this.home = owner.home
  }

  abstract beginWrite(): void
  abstract send(call: Call, out: OutBuffer, queue: Fifo<Call>): void
  abstract push(chunk: Buffer): void

  /** The call was written; `reader` takes its replies. */
  protected expect(call: Call, reader: Reader<Frame>): void {
    this.sent.push(call)
    this.#readers.push(reader)
  }

  protected receive(frame: Frame): void {
    let receipt: Receipt
    do {
      const call = this.sent.peek()
      const reader = this.#readers.peek()
      if (call === undefined || reader === undefined) throw new Error('The server answered without a command')
      receipt = reader.receive(call, frame, this)
      if (receipt === 'more') return
      this.sent.shift()
      this.#readers.shift()
      this.#owner.replied(call, receipt === 'again')
    } while (receipt === 'passed')
  }
}

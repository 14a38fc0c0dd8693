import type { StorageError } from '@larder/storage-core/base'
import type { OutBuffer } from '../protocol/out-buffer.js'
import type { Fifo } from './fifo.js'

/** What a reply was to the command that it was shown to. */
export type Receipt =
  /** One of its replies; more will come. */
  | 'more'
  /** Its last one. */
  | 'last'
  /** Its last one, and one of the next command too, to which it is shown. */
  | 'passed'

/** For a reply that is not to the command whose turn it is. */
export function misplacedReply(): Error {
  return new Error('The server answered another command than the one that is due')
}

/**
 * One command on its way: what is sent, and what becomes of the replies. `Frame` is a reply of its protocol.
 * It outlives its connection where it may be sent again.
 */
export interface Exchange<Frame> {
  /** On the channel's clock; counted from when the command was issued, wherever it waited since. */
  deadline: number
  /** How often it was handed to a connection. */
  attempts: number
  /** How much the queue holds because of it. */
  readonly bytes: number
  /** Reads may be sent a second time: they change nothing. */
  readonly idempotent: boolean
  /** The one connection that may carry it, as a `cas` with a token; undefined: any. */
  readonly boundTo: object | undefined
  /** Its promise was rejected already; a reply is read and dropped. */
  readonly isSettled: boolean
  /**
   * `opaque` is the first of as many numbers as `opaques` says; the replies repeat them. `previous` is what was
   * encoded right before it into the same write, `queue` what may come behind.
   */
  encode(
    out: OutBuffer,
    opaque: number,
    previous: Exchange<Frame> | undefined,
    queue: Fifo<Exchange<Frame>>,
  ): void
  readonly opaques: number
  /** Takes one reply. Throws where it cannot be a reply to this command. */
  receive(frame: Frame, from: object): Receipt
  /** The connection that it is bound to went before it was sent. */
  unbind(): void
  /** Settles it with an error. A second call does nothing. */
  fail(error: StorageError): void
}

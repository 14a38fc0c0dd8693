import type { StorageError } from '@larder/storage-core'
import type { OutBuffer } from '../protocol/out-buffer.js'

/**
 * One command on its way: what is sent, and what becomes of the replies. `Frame` is a reply of its protocol.
 * It outlives its connection where it may be sent again.
 */
export interface Exchange<Frame> {
  /** On the channel's clock; counted from when the command was issued, wherever it waited since. */
  deadline: number
  /** How much the queue holds because of it. */
  readonly bytes: number
  /** Reads may be sent a second time: they change nothing. */
  readonly idempotent: boolean
  /** How often it was handed to a connection. */
  attempts: number
  /** The one connection that may carry it, as a `cas` with a token; undefined: any. */
  readonly boundTo: object | undefined
  /** Its promise was rejected already; a reply is read and dropped. */
  readonly isSettled: boolean
  /** `opaque` is the first of as many numbers as `opaques` says; the replies repeat them. */
  encode(out: OutBuffer, opaque: number): void
  readonly opaques: number
  /** Takes one reply; true: that was the last one. Throws where it cannot be a reply to this command. */
  receive(frame: Frame, from: object): boolean
  /** The connection that it is bound to went before it was sent. */
  unbind(): void
  /** Settles it with an error. A second call does nothing. */
  fail(error: StorageError): void
}

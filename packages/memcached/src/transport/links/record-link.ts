import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { LinkEvents } from './link.js'
import { SocketLink } from './socket-link.js'

/**
 * A TLS socket whose writes are records of their own: each is handed over when the one before has left, since Node
 * would otherwise encrypt those that wait as one.
 */
class RecordLink extends SocketLink {
  override readonly maxRecordBytes = 16_384
  readonly #socket: Socket
  readonly #drained: () => void
  #waiting: Buffer[] = []
  #waitingBytes = 0
  #isWriting = false

  constructor(socket: Socket, events: LinkEvents) {
    // The socket has drained after each record; there is room when none waits.
    super(socket, { ...eventsOf(events), drain: () => {} })
    this.#socket = socket
    this.#drained = () => events.drain()
  }

  override get bufferedBytes(): number {
    return this.#waitingBytes + super.bufferedBytes
  }

  override write(chunks: readonly Uint8Array[]): void {
    const record = Buffer.concat(chunks)
    this.#waiting.push(record)
    this.#waitingBytes += record.length
    this.#writeNext()
  }

  override destroy(): void {
    this.#waiting = []
    this.#waitingBytes = 0
    super.destroy()
  }

  #writeNext(): void {
    if (this.#isWriting) return
    const record = this.#waiting.shift()
    if (record === undefined) return
    this.#waitingBytes -= record.length
    this.#isWriting = true
    this.#socket.write(record, (error) => {
      this.#isWriting = false
      // The socket's own error event reports it.
      if (error) return
      if (this.#waiting.length === 0) this.#drained()
      else this.#writeNext()
    })
  }
}

function eventsOf(events: LinkEvents): LinkEvents {
  return {
    ready: (open) => events.ready(open),
    data: (chunk) => events.data(chunk),
    drain: () => events.drain(),
    lost: (error) => events.lost(error),
  }
}

/** Watches a socket, as `SocketLink`. */
export function linkOver(socket: Socket, events: LinkEvents): SocketLink {
  return socket instanceof TLSSocket ? new RecordLink(socket, events) : new SocketLink(socket, events)
}

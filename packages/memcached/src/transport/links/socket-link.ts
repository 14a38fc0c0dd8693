import type { Socket } from 'node:net'
import type { OpenSession } from '../session.js'
import type { Link, LinkEvents } from './link.js'

/** Watches every way in which a socket can end, the half-closed one included, and reports the first. */
export class SocketLink implements Link {
  readonly maxRecordBytes: number | undefined = undefined
  readonly #socket: Socket
  #events: LinkEvents | undefined

  /** `data` and `ready` are left to the caller, since they differ by the protocol. */
  constructor(socket: Socket, events: LinkEvents) {
    this.#socket = socket
    this.#events = events
    socket.setNoDelay(true)
    socket.on('drain', () => this.#events?.drain())
    socket.on('error', (error) => this.lose(error))
    // A server that sent its FIN answers nothing any more, even if it still reads.
    socket.on('end', () => this.lose(new Error('The server closed the connection')))
    socket.on('close', () => this.lose(new Error('The connection was closed')))
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength
  }

  ready(open: OpenSession): void {
    this.#events?.ready(open)
  }

  receive(chunk: Buffer): void {
    this.#events?.data(chunk)
  }

  write(chunks: readonly Uint8Array[]): void {
    const socket = this.#socket
    if (chunks.length > 1) socket.cork()
    for (const chunk of chunks) socket.write(chunk)
    if (chunks.length > 1) socket.uncork()
  }

  hold(isHeld: boolean): void {
    if (isHeld) this.#socket.ref()
    else this.#socket.unref()
  }

  lose(error: Error): void {
    const events = this.#events
    this.destroy()
    events?.lost(error)
  }

  destroy(): void {
    this.#events = undefined
    this.#socket.destroy()
  }
}

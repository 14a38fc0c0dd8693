import { createSocket, type Socket } from 'node:dgram'
import { lookup } from 'node:dns'
import { isIP } from 'node:net'
import { DatagramReply, frameRequest, REQUEST_IDS, requestIdOf } from '../protocol/index.js'
import { afterReading } from './awake-time.js'
import type { ResolvedUdpOptions } from './udp-options.js'

/** Where datagrams go. */
export interface DatagramTarget {
  readonly host: string
  readonly port: number
}

export interface DatagramOwner {
  /** Something came that was waited for. */
  heard(): void
  /** Nothing came at all while a request waited for its answer, or the system says that nobody listens there. */
  silent(error: Error): void
}

interface Waiting {
  readonly sentAt: number
  readonly reply: DatagramReply
  readonly settle: (answer: Buffer | undefined) => void
}

/**
 * A socket of its own port, whose request ids are never used twice: what comes late, or for a request of an earlier
 * socket, belongs to nobody. One timer watches the oldest request.
 */
export class DatagramSocket {
  readonly #options: ResolvedUdpOptions
  readonly #owner: DatagramOwner
  readonly #now: () => number
  readonly #waiting = new Map<number, Waiting>()
  #unsent: Buffer[] = []
  #socket: Socket | undefined
  #state: 'connecting' | 'ready' | 'retired' | 'gone' = 'connecting'
  #nextId = Math.floor(Math.random() * REQUEST_IDS)
  #idsLeft = REQUEST_IDS
  #heardAt = -Infinity
  #timer: NodeJS.Timeout | undefined

  constructor(target: DatagramTarget, options: ResolvedUdpOptions, owner: DatagramOwner, now: () => number) {
    this.#options = options
    this.#owner = owner
    this.#now = now
    const family = isIP(target.host)
    if (family !== 0) this.#open(target.host, family, target.port)
    else {
      lookup(target.host, (error, address, found) => {
        if (error !== null) this.#lose(error)
        else this.#open(address, found, target.port)
      })
    }
  }

  /** Whether it can still be asked anything. */
  get isUsable(): boolean {
    return this.#state === 'ready' || this.#state === 'connecting'
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** The whole answer, or undefined where none came in time or none that can be used. */
  ask(command: Uint8Array): Promise<Buffer | undefined> {
    const id = this.#nextId
    this.#nextId = (id + 1) % REQUEST_IDS
    return new Promise((settle) => {
      const reply = new DatagramReply(this.#options.maxDatagrams)
      this.#waiting.set(id, { sentAt: this.#now(), reply, settle })
      const datagram = frameRequest(id, command)
      if (this.#state === 'ready') this.#send(datagram)
      else this.#unsent.push(datagram)
      if (this.#timer === undefined) this.#startTimer()
      // The last of them: who asks next needs another socket, and this one goes when all is answered.
      if (--this.#idsLeft === 0) this.#state = 'retired'
    })
  }

  /** Settles everything as unanswered. Idempotent. */
  close(): void {
    if (this.#state === 'gone') return
    this.#state = 'gone'
    clearTimeout(this.#timer)
    this.#socket?.close()
    this.#unsent = []
    for (const { settle } of this.#waiting.values()) settle(undefined)
    this.#waiting.clear()
  }

  #open(address: string, family: number, port: number): void {
    if (this.#state === 'gone') return
    const socket = createSocket(family === 6 ? 'udp6' : 'udp4')
    this.#socket = socket
    socket.on('error', (error) => this.#lose(error))
    socket.on('message', (datagram) => this.#receive(datagram))
    socket.once('connect', () => {
      if (this.#state === 'gone') return
      if (this.#state === 'connecting') this.#state = 'ready'
      for (const datagram of this.#unsent) this.#send(datagram)
      this.#unsent = []
    })
    // Connected, so that the system drops what others send, and tells where nobody listens.
    socket.connect(port, address)
  }

  #send(datagram: Buffer): void {
    this.#socket?.send(datagram, (error) => {
      if (error !== null) this.#lose(error)
    })
  }

  #receive(datagram: Buffer): void {
    const id = requestIdOf(datagram)
    const waiting = id === undefined ? undefined : this.#waiting.get(id)
    if (id === undefined || waiting === undefined) return
    this.#heardAt = this.#now()
    this.#owner.heard()
    try {
      const answer = waiting.reply.add(datagram)
      if (answer !== undefined) this.#settle(id, waiting, answer)
    } catch {
      this.#settle(id, waiting, undefined)
    }
  }

  #settle(id: number, { settle }: Waiting, answer: Buffer | undefined): void {
    this.#waiting.delete(id)
    settle(answer)
    if (this.#state === 'retired' && this.#waiting.size === 0) this.close()
  }

  #lose(error: Error): void {
    if (this.#state === 'gone') return
    this.close()
    this.#owner.silent(error)
  }

  #startTimer(): void {
    const [oldest] = this.#waiting.values()
    this.#timer = undefined
    if (oldest === undefined) return
    const dueMs = oldest.sentAt + this.#options.waitMs - this.#now()
    const delayMs = Math.max(1, Math.ceil(dueMs))
    const dueAt = performance.now() + delayMs
    // If it was our own process that stood still, the answers lie in the socket: it is read before any verdict.
    this.#timer = setTimeout(() => afterReading(dueAt, () => this.#expire()), delayMs)
  }

  #expire(): void {
    if (this.#state === 'gone') return
    const { waitMs } = this.#options
    const sentBefore = this.#now() - waitMs
    for (const [id, waiting] of this.#waiting) {
      if (waiting.sentAt > sentBefore) break
      // One that came after this was sent tells that the server is there, and that only this one was lost.
      if (this.#heardAt < waiting.sentAt) this.#owner.silent(new Error(`No datagram within ${waitMs} ms`))
      this.#settle(id, waiting, undefined)
    }
    if (this.#waiting.size > 0) this.#startTimer()
    else this.#timer = undefined
  }
}

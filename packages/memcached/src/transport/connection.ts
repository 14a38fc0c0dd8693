import { StorageError } from '@larder/storage-core/base'
import { OutBuffer } from '../protocol/out-buffer.js'
import type { Exchange, Receipt } from './exchange.js'
import { Fifo } from './fifo.js'
import type { Dial, Link, LinkEvents } from './link.js'
import type { ChannelOptions } from './options.js'

/** Past this, commands wait here and not in the socket, where their deadlines could not reach them. */
const MAX_BUFFERED_BYTES = 1024 * 1024

/** Cuts what arrives into replies; throws where that cannot be done. */
export interface Receiver {
  push(chunk: Buffer): void
}

/** Why a connection ended. `timed-out`: to connect, or to answer. `ended`: from this side, and no fault of the server. */
export interface Loss {
  readonly kind: 'timed-out' | 'lost' | 'ended'
  readonly error: Error
  /** Whether it ever answered a command, or did since `doubt`. */
  readonly answered: boolean
}

export interface ConnectionOwner<Frame> {
  /** The first reply came, or the first since `doubt`. */
  answered(): void
  /** Nothing is called afterwards. `sent` and `unsent` are in the order of their calls and are the owner's to settle. */
  lost(loss: Loss, sent: Exchange<Frame>[], unsent: Exchange<Frame>[]): void
}

/**
 * One attempt to connect and the connection that comes of it, used until the first doubt and never again: its
 * buffers, its opaque numbers and its late data die with it. Replies come in the order of the commands, so that
 * a queue is all the bookkeeping there is; one timer watches its head.
 */
export class Connection<Frame> implements LinkEvents {
  readonly #owner: ConnectionOwner<Frame>
  readonly #options: ChannelOptions
  readonly #receiver: Receiver
  readonly #link: Link
  readonly #connectDeadline: number
  readonly #unsent = new Fifo<Exchange<Frame>>()
  readonly #sent = new Fifo<Exchange<Frame>>()
  readonly #out = new OutBuffer()
  readonly #onFlush = () => this.#flush()
  readonly #onTimer = () => this.#afterTimer()
  #state: 'connecting' | 'ready' | 'gone' = 'connecting'
  #answered = false
  #flushIsDue = false
  #timer: NodeJS.Timeout | undefined
  #opaque: number
  #bytes = 0

  constructor(
    dial: Dial,
    createReceiver: (onFrame: (frame: Frame) => void) => Receiver,
    owner: ConnectionOwner<Frame>,
    options: ChannelOptions,
    firstOpaque = 1,
  ) {
    this.#owner = owner
    this.#options = options
    this.#opaque = firstOpaque
    this.#connectDeadline = options.now() + options.connectTimeoutMs
    this.#receiver = createReceiver((frame) => this.#onFrame(frame))
    this.#link = dial(this)
    this.#out.maxGroupBytes = this.#link.maxRecordBytes
  }

  get isGone(): boolean {
    return this.#state === 'gone'
  }

  get queuedCommands(): number {
    return this.#unsent.size + this.#sent.size
  }

  get queuedBytes(): number {
    return this.#bytes
  }

  /** Takes a command; the commands of one tick leave together. */
  submit(exchange: Exchange<Frame>): void {
    this.#unsent.push(exchange)
    this.#bytes += exchange.bytes
    if (this.#state === 'ready') this.#scheduleFlush()
    if (this.#timer === undefined) this.#startTimer()
  }

  /** Counts as one that never answered until its next reply. */
  doubt(): void {
    this.#answered = false
  }

  /** Ends it from this side: the owner gets everything that is not settled, once. */
  destroy(error: Error): void {
    this.#lose('ended', error)
  }

  ready(): void {
    this.#state = 'ready'
    this.#flush()
  }

  data(chunk: Buffer): void {
    try {
      this.#receiver.push(chunk)
    } catch (error) {
      this.#lose('lost', error as Error)
    }
  }

  drain(): void {
    this.#flush()
  }

  lost(error: Error): void {
    this.#lose('lost', error)
  }

  #onFrame(frame: Frame): void {
    let receipt: Receipt
    do {
      const exchange = this.#sent.peek()
      if (exchange === undefined) throw new Error('The server answered what nobody asked')
      receipt = exchange.receive(frame, this)
      if (receipt !== 'more') {
        this.#sent.shift()
        this.#bytes -= exchange.bytes
      }
    } while (receipt === 'passed')
    if (this.#answered) return
    this.#answered = true
    this.#owner.answered()
  }

  // After all sockets that had something to read in this turn of the event loop: the promises that their replies
  // resolve lead to the next commands, for this server and for others.
  #scheduleFlush(): void {
    if (this.#flushIsDue) return
    this.#flushIsDue = true
    setImmediate(this.#onFlush)
  }

  #flush(): void {
    this.#flushIsDue = false
    if (this.#state !== 'ready') return
    const out = this.#out
    let exchange = this.#unsent.peek()
    let previous: Exchange<Frame> | undefined
    while (exchange !== undefined && this.#link.bufferedBytes + out.length < MAX_BUFFERED_BYTES) {
      this.#unsent.shift()
      if (exchange.isSettled) this.#bytes -= exchange.bytes
      else {
        this.#encode(exchange, previous)
        previous = exchange
      }
      exchange = this.#unsent.peek()
    }
    if (out.length === 0) return
    for (const group of out.groups()) this.#link.write(group)
    out.reset(this.#link.bufferedBytes === 0)
    // What the kernel took at once is followed by no 'drain'.
    if (exchange !== undefined && this.#link.bufferedBytes < MAX_BUFFERED_BYTES) this.#scheduleFlush()
  }

  #encode(exchange: Exchange<Frame>, previous: Exchange<Frame> | undefined): void {
    exchange.attempts++
    exchange.encode(this.#out, this.#opaque, previous, this.#unsent)
    // The field has 32 bits: an unsigned shift wraps it around to 0 and keeps it from turning negative.
    this.#opaque = (this.#opaque + exchange.opaques) >>> 0
    this.#sent.push(exchange)
  }

  #startTimer(): void {
    const due = this.#nextDeadline()
    if (due === undefined || this.#state === 'gone') return
    this.#timer = setTimeout(this.#onTimer, Math.max(1, Math.ceil(due - this.#options.now())))
    this.#timer.unref()
  }

  #nextDeadline(): number | undefined {
    const oldest = (this.#sent.peek() ?? this.#unsent.peek())?.deadline
    if (this.#state !== 'connecting') return oldest
    return Math.min(oldest ?? this.#connectDeadline, this.#connectDeadline)
  }

  // If it was our own process that stood still, the answers lie in the socket: it is read before any verdict.
  #afterTimer(): void {
    setImmediate(() => {
      if (this.#state === 'gone') return
      this.#expire(this.#options.now())
      this.#timer = undefined
      this.#startTimer()
    })
  }

  #expire(now: number): void {
    const oldest = this.#sent.peek()
    if (oldest !== undefined && oldest.deadline <= now) {
      return this.#lose(
        'timed-out',
        new Error(`The server did not answer within ${this.#options.timeoutMs} ms`),
      )
    }
    if (this.#state === 'connecting' && this.#connectDeadline <= now) {
      return this.#lose('timed-out', new Error(`No connection within ${this.#options.connectTimeoutMs} ms`))
    }
    let waiting = this.#unsent.peek()
    while (waiting !== undefined && waiting.deadline <= now) {
      this.#unsent.shift()
      this.#bytes -= waiting.bytes
      waiting.fail(new StorageError('E_TIMEOUT', 'The time-out passed before the command could be sent'))
      waiting = this.#unsent.peek()
    }
  }

  #lose(kind: Loss['kind'], error: Error): void {
    if (this.#state === 'gone') return
    this.#state = 'gone'
    clearTimeout(this.#timer)
    this.#link.destroy()
    this.#bytes = 0
    this.#owner.lost({ kind, error, answered: this.#answered }, this.#sent.drain(), this.#unsent.drain())
  }
}

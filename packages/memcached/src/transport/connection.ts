import { StorageError } from '@larder/storage-core/base'
import { OutBuffer } from '../protocol/index.js'
import { afterReading, sliceOf } from './awake-time.js'
import type { Call } from './call.js'
import { Fifo } from './fifo.js'
import type { Dial, Link, LinkEvents } from './links/link.js'
import type { ChannelOptions } from './options.js'
import { Room } from './room.js'
import type { OpenSession, Session, SessionOwner } from './session.js'

/** Past this, calls wait here and not in the socket, where their deadlines could not reach them. */
const MAX_BUFFERED_BYTES = 1024 * 1024
/** More commands of batches at once gain nothing: the connection is busy, and each command has its own time-out. */
const MAX_BATCH_COMMANDS = 1_000

/** Why a connection ended. `timed-out`: to connect, or to answer. `ended`: from this side, and no fault of the server. */
export interface Loss {
  readonly kind: 'timed-out' | 'lost' | 'ended'
  readonly error: Error
  /** Whether it was ever ready for commands. */
  readonly wasReady: boolean
  /** Whether it ever answered a command. */
  readonly answered: boolean
}

export interface ConnectionOwner {
  /** The first reply came, or the first since `doubt`. */
  answered(): void
  /** A command of a batch left its room to others. */
  batchLeft(): void
  /** A command waited in vain for the connection to be ready. */
  stalled(error: Error): void
  /** Nothing is called afterwards. `sent` and `unsent` are in the order of their calls and are the owner's to settle. */
  lost(loss: Loss, sent: Call[], unsent: Call[]): void
}

/**
 * One attempt to connect and the connection that comes of it, used until the first doubt and never again: its
 * buffers, its opaque numbers and its late data end with it. Replies come in the order of the calls, so that a queue
 * is all the bookkeeping there is; one timer watches its head.
 */
export class Connection implements LinkEvents, SessionOwner {
  readonly #owner: ConnectionOwner
  readonly #options: ChannelOptions
  readonly #link: Link
  readonly #openedAt: number
  /** How long at least a server has been waited for before it is blamed for silence. */
  readonly #fairMs: number
  /** How long the timer runs at once. */
  readonly #sliceMs: number
  /** For commands of their own. */
  readonly #singles: Room
  /** For those of batches, which thus never take the room of others. */
  readonly #batches: Room
  readonly #unsent = new Fifo<Call>()
  readonly #out = new OutBuffer()
  readonly #onFlush: () => void = this.#flush.bind(this)
  readonly #onTimer = () => this.#afterTimer()
  #session: Session | undefined
  #isGone = false
  #answered = false
  #isDoubted = true
  #flushIsDue = false
  #timer: NodeJS.Timeout | undefined
  #timerDueAt = 0

  constructor(dial: Dial, owner: ConnectionOwner, options: ChannelOptions) {
    this.#owner = owner
    this.#options = options
    const { maxQueuedCommands, maxQueuedBytes } = options
    this.#singles = new Room({ commands: maxQueuedCommands, bytes: maxQueuedBytes })
    this.#batches = new Room({
      commands: Math.min(MAX_BATCH_COMMANDS, Math.ceil(maxQueuedCommands / 2)),
      bytes: maxQueuedBytes / 2,
    })
    this.#openedAt = options.now()
    this.#fairMs = options.timeoutMs / 2
    this.#sliceMs = sliceOf(Math.min(options.timeoutMs, options.connectTimeoutMs))
    this.#link = dial(this)
  }

  /** What the tokens of its replies are bound to; undefined while it is not ready. */
  get session(): object | undefined {
    return this.#session
  }

  get home(): object {
    return this.#options.home ?? this
  }

  get isGone(): boolean {
    return this.#isGone
  }

  get queuedCommands(): number {
    return this.#unsent.size + (this.#session?.sent.size ?? 0)
  }

  /** What a call would wait with. */
  roomFor(call: Call): Room {
    return call.batch === undefined ? this.#singles : this.#batches
  }

  /** Takes a call, whether there is room or not; those of one tick leave together. */
  submit(call: Call): void {
    if (!this.#options.holdsProcess) this.#link.hold(true)
    this.roomFor(call).enter(call)
    this.#queue(call)
  }

  #queue(call: Call): void {
    this.#unsent.push(call)
    if (this.#session !== undefined) this.#scheduleFlush()
    if (this.#timer === undefined) this.#startTimer()
  }

  /** Reports its next reply as it did the first. */
  doubt(): void {
    this.#isDoubted = true
  }

  /** Ends it from this side: the owner gets everything that is not settled, once. */
  destroy(error: Error): void {
    this.#lose('ended', error)
  }

  ready(open: OpenSession): void {
    this.#out.maxGroupBytes = this.#link.maxRecordBytes
    this.#session = open(this)
    this.#flush()
  }

  data(chunk: Buffer): void {
    try {
      this.#session?.push(chunk)
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

  replied(call: Call, again: boolean): void {
    if (this.#isDoubted) {
      this.#isDoubted = false
      this.#answered = true
      this.#owner.answered()
    }
    if (again && call.deadline > this.#options.now()) return this.#queue(call)
    if (again) call.fail(new StorageError('E_TIMEOUT', 'The time-out passed before the last step'))
    this.#leave(call)
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
    const session = this.#session
    if (session === undefined || this.#isGone) return
    const out = this.#out
    session.beginWrite()
    const now = this.#options.now()
    let call = this.#unsent.peek()
    while (call !== undefined && this.#link.bufferedBytes + out.length < MAX_BUFFERED_BYTES) {
      this.#unsent.shift()
      if (!call.isSettled) {
        call.attempts++
        call.sentAt = now
        session.send(call, out, this.#unsent)
      }
      // Given up before, or refused by the session: no reply will come.
      if (call.isSettled) this.#leave(call)
      call = this.#unsent.peek()
    }
    if (out.length === 0) return
    for (const group of out.groups()) this.#link.write(group)
    out.reset(this.#link.bufferedBytes === 0)
    // What the kernel took at once is followed by no 'drain'.
    if (call !== undefined && this.#link.bufferedBytes < MAX_BUFFERED_BYTES) this.#scheduleFlush()
  }

  #startTimer(): void {
    const due = this.#nextDeadline()
    if (due === undefined || this.#isGone) return
    const leftMs = Math.min(due - this.#options.now(), this.#sliceMs)
    const delayMs = Math.max(1, Math.ceil(leftMs))
    this.#timerDueAt = performance.now() + delayMs
    this.#timer = setTimeout(this.#onTimer, delayMs).unref()
  }

  #nextDeadline(): number | undefined {
    const sent = this.#session?.sent
    const head = sent?.peek()
    if (sent !== undefined && head !== undefined) {
      let index = 0
      while (sent.at(index)?.isSettled === true) index++
      return Math.min(sent.at(index)?.deadline ?? Infinity, this.#blameAt(head))
    }
    const oldest = this.#unsent.peek()?.deadline
    if (this.#session !== undefined) return oldest
    return Math.min(oldest ?? Infinity, this.#openedAt + this.#options.connectTimeoutMs)
  }

  /** A call may have been sent late, after it waited for a connection: its time-out alone does not show a silent server. */
  #blameAt(head: Call): number {
    return Math.max(head.deadline, head.sentAt + this.#fairMs)
  }

  // If it was our own process that stood still, the answers lie in the socket: it is read before any verdict.
  #afterTimer(): void {
    afterReading(this.#timerDueAt, () => {
      if (this.#isGone) return
      this.#expire(this.#options.now())
      this.#timer = undefined
      this.#startTimer()
    })
  }

  #expire(now: number): void {
    const { timeoutMs, connectTimeoutMs } = this.#options
    const head = this.#session?.sent.peek()
    if (head !== undefined && this.#blameAt(head) <= now) {
      return this.#lose('timed-out', new Error(`The server did not answer within ${timeoutMs} ms`))
    }
    const isConnecting = this.#session === undefined
    if (isConnecting && this.#openedAt + connectTimeoutMs <= now) {
      return this.#lose('timed-out', new Error(`No connection within ${connectTimeoutMs} ms`))
    }
    this.#expireSent(now)
    this.#expireUnsent(now)
  }

  /** Their replies are read and dropped. */
  #expireSent(now: number): void {
    const sent = this.#session?.sent
    for (let index = 0, call = sent?.peek(); call !== undefined; call = sent?.at(++index)) {
      if (call.isSettled) continue
      if (call.deadline > now) return
      call.fail(new StorageError('E_TIMEOUT', `There was no answer within ${this.#options.timeoutMs} ms`))
    }
  }

  #expireUnsent(now: number): void {
    const error = new StorageError('E_TIMEOUT', 'The time-out passed before the command could be sent')
    let waiting = this.#unsent.peek()
    const isExpired = waiting !== undefined && waiting.deadline <= now
    if (isExpired && this.#session === undefined && now - this.#openedAt >= this.#fairMs)
      this.#owner.stalled(error)
    while (waiting !== undefined && waiting.deadline <= now) {
      this.#unsent.shift()
      waiting.fail(error)
      this.#leave(waiting)
      waiting = this.#unsent.peek()
    }
  }

  #leave(call: Call): void {
    this.roomFor(call).leave(call)
    if (!this.#options.holdsProcess && this.#singles.commands + this.#batches.commands === 0)
      this.#link.hold(false)
    if (call.batch !== undefined) this.#owner.batchLeft()
  }

  #lose(kind: Loss['kind'], error: Error): void {
    if (this.#isGone) return
    this.#isGone = true
    clearTimeout(this.#timer)
    this.#link.destroy()
    const loss = { kind, error, wasReady: this.#session !== undefined, answered: this.#answered }
    this.#owner.lost(loss, this.#session?.sent.drain() ?? [], this.#unsent.drain())
  }
}

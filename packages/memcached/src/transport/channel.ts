import { abortedError, CacheUnavailableError, StorageError } from '@larder/storage-core/base'
import { BatchLine } from './batch-line.js'
import { Call } from './call.js'
import { withOwnBytes, type Command, type ResultOf } from './commands.js'
import { Connection, type Loss } from './connection.js'
import type { Dial } from './links/link.js'
import type { ChannelOptions } from './options.js'
import type { ServerHealth } from './server-health.js'

/** A read is sent once more after a lost connection, and never a third time. */
const MAX_ATTEMPTS = 2
const NO_OPTIONS: ExecuteOptions = Object.freeze({})

/** For whom a command is executed. */
export interface ExecuteOptions {
  /** Rejects with `E_ABORTED`; a command that was not sent yet stays unsent. */
  readonly signal?: AbortSignal | undefined
  /** The batch that it is part of. */
  readonly batch?: object | undefined
}

/**
 * One connection to a server: opened when a command needs one, and again after a loss. Every promise settles within
 * the time-out; rejections are those of `Cache`. For when the server is given up see `ServerHealth`.
 *
 * A command of its own that finds no room is refused. Commands of batches have a room of their own, and wait for a place
 * in it; their time-out counts from when they have one.
 */
export class Channel {
  readonly #name: string
  readonly #dial: Dial
  readonly #options: ChannelOptions
  readonly #health: ServerHealth
  readonly #line = new BatchLine()
  #connection: Connection | undefined
  #isClosed = false

  /** `name` appears in messages; `health` is shared by all connections to the server. No I/O before the first command. */
  constructor(name: string, dial: Dial, options: ChannelOptions, health: ServerHealth) {
    this.#name = name
    this.#dial = dial
    this.#options = options
    this.#health = health
    health.join(this)
  }

  /** Undefined where nothing is connected. */
  get queuedCommands(): number | undefined {
    return this.#connection?.queuedCommands
  }

  /** Asks the server. */
  execute<C extends Command>(command: C, options?: ExecuteOptions): Promise<ResultOf<C>>
  execute(command: Command, { signal, batch }: ExecuteOptions = NO_OPTIONS): Promise<unknown> {
    if (signal?.aborted === true) return Promise.reject(abortedError(signal))
    const call = new Call(signal === undefined ? command : withOwnBytes(command), batch)
    if (signal !== undefined) call.follow(signal)
    const now = this.#options.now()
    if (batch === undefined || (this.#line.size === 0 && this.#hasRoomFor(call))) this.#submit(call, now)
    else if (this.#isStuck(now)) call.fail(this.#overloaded(call))
    else this.#line.join(batch, call, now)
    return call.result
  }

  /** Cuts the connection, which the next command opens anew, and takes the server for well. */
  disconnect(): void {
    this.#health.recover()
    this.#connection?.destroy(new Error('Disconnected'))
  }

  /** Settles everything in flight with `E_CLOSED`. Idempotent. */
  close(): void {
    this.#isClosed = true
    this.#health.leave(this)
    this.#connection?.destroy(closedError())
  }

  /** Another connection to the server stopped answering: an idle one may be as dead, and is not trusted any more. */
  doubt(): void {
    if (this.#connection?.queuedCommands === 0) this.#connection.destroy(new Error('Not trusted any more'))
    else this.#connection?.doubt()
  }

  #hasRoomFor(call: Call): boolean {
    return this.#connection?.roomFor(call).admits(call) ?? true
  }

  /** Whether more waits than the server gets done. */
  #isStuck(now: number): boolean {
    const { maxQueuedCommands, timeoutMs } = this.#options
    return this.#line.size >= maxQueuedCommands && now - (this.#line.since ?? now) > timeoutMs
  }

  /** Gives the places that became free to those that wait. */
  #admit(): void {
    const now = this.#options.now()
    for (let call = this.#line.peek(); call !== undefined; call = this.#line.peek()) {
      if (!call.isSettled && !this.#hasRoomFor(call)) return
      this.#line.shift(now)
      if (!call.isSettled) this.#submit(call, now)
    }
  }

  #submit(call: Call, now: number): void {
    call.deadline = now + this.#options.timeoutMs
    if (this.#isClosed) return call.fail(closedError())
    const { boundTo } = call
    if (boundTo !== undefined && boundTo !== this.#connection?.session) return call.unbind()
    if (!this.#health.isUsable) {
      if (!this.#health.mayProbe(this, now)) return call.fail(this.#unavailable())
      this.#connection?.doubt()
    }
    if (call.batch === undefined && !this.#hasRoomFor(call)) return call.fail(this.#overloaded(call))
    this.#send(call)
  }

  #send(call: Call): void {
    try {
      const connection = (this.#connection ??= this.#open())
      connection.submit(call)
    } catch (error) {
      this.#health.giveUp(error as Error, this.#options.now())
      call.fail(this.#unavailable())
    }
  }

  #open(): Connection {
    const owner = {
      answered: () => this.#health.recover(),
      stalled: (error: Error) => this.#health.stalled(error, this.#options.now()),
      batchLeft: () => {
        if (this.#line.size > 0) this.#admit()
      },
      lost: (loss: Loss, sent: Call[], unsent: Call[]) => this.#onLost(loss, sent, unsent),
    }
    return new Connection(this.#dial, owner, this.#options)
  }

  #onLost(loss: Loss, sent: readonly Call[], unsent: readonly Call[]): void {
    this.#connection = undefined
    const now = this.#options.now()
    this.#health.lost(loss, now, this)
    const again: Call[] = []
    for (const call of sent) {
      if (this.#mayRetry(call, now)) again.push(call)
      else call.fail(this.#lossError(call, loss, now))
    }
    for (const call of unsent) {
      // With a step, a part of it was executed: what became of it is unknown.
      if (call.boundTo !== undefined && call.step === undefined && !this.#isClosed) call.unbind()
      else if (this.#health.isUsable && !this.#isClosed && call.step === undefined) again.push(call)
      else call.fail(this.#lossError(call, loss, now))
    }
    for (const call of again) this.#send(call)
    this.#admit()
  }

  #mayRetry(call: Call, now: number): boolean {
    if (this.#isClosed || !this.#health.isUsable || call.isSettled) return false
    return call.isRead && call.attempts < MAX_ATTEMPTS && call.deadline > now
  }

  #lossError(call: Call, loss: Loss, now: number): StorageError {
    if (this.#isClosed) return closedError()
    if (loss.kind === 'timed-out' && call.deadline <= now) {
      return new StorageError('E_TIMEOUT', `${this.#name}: ${loss.error.message}`, { cause: loss.error })
    }
    return new CacheUnavailableError(`${this.#name}: ${loss.error.message}`, { cause: loss.error })
  }

  #overloaded(call: Call): StorageError {
    const room = this.#connection?.roomFor(call)
    const waiting = `${(room?.commands ?? 0) + this.#line.size} commands, ${room?.bytes ?? 0} bytes`
    return new StorageError('E_OVERLOADED', `Too much waits for ${this.#name}: ${waiting}`)
  }

  #unavailable(): StorageError {
    const { lastError } = this.#health
    const reason = lastError?.message ?? 'being probed'
    return new CacheUnavailableError(`${this.#name} is left alone: ${reason}`, { cause: lastError })
  }
}

function closedError(): StorageError {
  return new StorageError('E_CLOSED', 'The cache was closed')
}

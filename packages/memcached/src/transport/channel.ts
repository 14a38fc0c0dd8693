import { CacheUnavailableError, StorageError } from '@larder/storage-core/base'
import { Connection, type Loss, type Receiver } from './connection.js'
import type { Exchange } from './exchange.js'
import type { Dial } from './link.js'
import type { ChannelOptions } from './options.js'
import type { ServerHealth } from './server-health.js'

/** A read is sent once more after a lost connection, and never a third time. */
const MAX_ATTEMPTS = 2

/** What the wire of a server looks like: how to connect, and how to cut its replies. */
export interface Wire<Frame> {
  readonly dial: Dial
  readonly createReceiver: (onFrame: (frame: Frame) => void) => Receiver
}

/**
 * One connection to a server: opened when a command needs one, and again after a loss. A server that lets a
 * time-out pass, refuses connections or drops them without an answer is dead, and its commands fail at once.
 */
export class Channel<Frame> {
  readonly #name: string
  readonly #wire: Wire<Frame>
  readonly #options: ChannelOptions
  readonly #health: ServerHealth
  #connection: Connection<Frame> | undefined
  #isClosed = false

  /** `name` appears in messages. No I/O before the first command. */
  constructor(name: string, wire: Wire<Frame>, options: ChannelOptions, health: ServerHealth) {
    this.#name = name
    this.#wire = wire
    this.#options = options
    this.#health = health
  }

  /** Undefined where nothing is connected. */
  get queuedCommands(): number | undefined {
    return this.#connection?.queuedCommands
  }

  /** Settles the exchange sooner or later, whatever happens; never throws. */
  submit(exchange: Exchange<Frame>): void {
    const now = this.#options.now()
    exchange.deadline = now + this.#options.timeoutMs
    if (this.#isClosed) return exchange.fail(closedError())
    if (exchange.boundTo !== undefined && exchange.boundTo !== this.#connection) return exchange.unbind()
    if (!this.#health.isWell) {
      if (!this.#health.mayProbe(this, now)) return exchange.fail(this.#unavailable())
      this.#connection?.doubt()
    }
    const connection = this.#connection
    if (connection !== undefined && this.#isFull(connection, exchange)) {
      const waiting = `${connection.queuedCommands} commands, ${connection.queuedBytes} bytes`
      return exchange.fail(new StorageError('E_OVERLOADED', `Too much waits for ${this.#name}: ${waiting}`))
    }
    this.#send([exchange])
  }

  /** Cuts the connection, which the next command opens anew, and takes the server for well. */
  disconnect(): void {
    this.#health.recover()
    this.#connection?.destroy(new Error('Disconnected'))
  }

  /** Settles everything in flight with `E_CLOSED`. Idempotent. */
  close(): void {
    this.#isClosed = true
    this.#connection?.destroy(closedError())
  }

  #isFull(connection: Connection<Frame>, exchange: Exchange<Frame>): boolean {
    const { queuedCommands, queuedBytes } = connection
    if (queuedCommands === 0) return false
    const { maxQueuedCommands, maxQueuedBytes } = this.#options
    return queuedCommands >= maxQueuedCommands || queuedBytes + exchange.bytes > maxQueuedBytes
  }

  #send(exchanges: readonly Exchange<Frame>[]): void {
    if (exchanges.length === 0) return
    try {
      const connection = (this.#connection ??= this.#open())
      for (const exchange of exchanges) connection.submit(exchange)
    } catch (error) {
      this.#health.giveUp(error as Error, this.#options.now())
      for (const exchange of exchanges) exchange.fail(this.#unavailable())
    }
  }

  #open(): Connection<Frame> {
    const { dial, createReceiver } = this.#wire
    const owner = {
      answered: () => this.#health.recover(),
      lost: (loss: Loss, sent: Exchange<Frame>[], unsent: Exchange<Frame>[]) =>
        this.#onLost(loss, sent, unsent),
    }
    return new Connection(dial, createReceiver, owner, this.#options)
  }

  #onLost(loss: Loss, sent: readonly Exchange<Frame>[], unsent: readonly Exchange<Frame>[]): void {
    this.#connection = undefined
    const now = this.#options.now()
    const isItsFault = loss.kind === 'timed-out' || (loss.kind === 'lost' && !loss.answered)
    if (isItsFault) this.#health.giveUp(loss.error, now)
    const again: Exchange<Frame>[] = []
    for (const exchange of sent) {
      if (this.#mayRetry(exchange, now)) again.push(exchange)
      else exchange.fail(this.#lossError(exchange, loss, now))
    }
    for (const exchange of unsent) {
      if (exchange.boundTo !== undefined && !this.#isClosed) exchange.unbind()
      else if (this.#health.isWell && !this.#isClosed) again.push(exchange)
      else exchange.fail(this.#lossError(exchange, loss, now))
    }
    this.#send(again)
  }

  #mayRetry(exchange: Exchange<Frame>, now: number): boolean {
    if (this.#isClosed || !this.#health.isWell || exchange.isSettled) return false
    return exchange.idempotent && exchange.attempts < MAX_ATTEMPTS && exchange.deadline > now
  }

  #lossError(exchange: Exchange<Frame>, loss: Loss, now: number): StorageError {
    if (this.#isClosed) return closedError()
    if (loss.kind === 'timed-out' && exchange.deadline <= now) {
      return new StorageError('E_TIMEOUT', `${this.#name}: ${loss.error.message}`, { cause: loss.error })
    }
    return new CacheUnavailableError(`${this.#name}: ${loss.error.message}`, { cause: loss.error })
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

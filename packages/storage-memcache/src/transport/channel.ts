import { CacheUnavailableError, StorageError } from '@larder/storage-core'
import { Connection, type Loss, type Receiver } from './connection.js'
import type { Exchange } from './exchange.js'
import type { Dial } from './link.js'
import type { ChannelOptions } from './options.js'

/** A read is sent once more after a lost connection, and never a third time. */
const MAX_ATTEMPTS = 2

/** What the wire of a server looks like: how to connect, and how to cut its replies. */
export interface Wire<Frame> {
  readonly dial: Dial
  readonly createReceiver: (onFrame: (frame: Frame) => void) => Receiver
}

/**
 * One server: opens a connection when a command needs one, and knows when to leave the server alone. A server
 * that lets a time-out pass, refuses connections or drops them without an answer is dead: commands fail at once
 * until the dead time-out has passed, and then a single one is let through to see.
 */
export class Channel<Frame> {
  readonly #name: string
  readonly #wire: Wire<Frame>
  readonly #options: ChannelOptions
  #connection: Connection<Frame> | undefined
  #health: 'well' | 'dead' | 'probing' = 'well'
  #deadUntil = 0
  #lastError: Error | undefined
  #isClosed = false

  /** `name` appears in messages. No I/O before the first command. */
  constructor(name: string, wire: Wire<Frame>, options: ChannelOptions) {
    this.#name = name
    this.#wire = wire
    this.#options = options
  }

  /** Settles the exchange sooner or later, whatever happens; never throws. */
  submit(exchange: Exchange<Frame>): void {
    const now = this.#options.now()
    exchange.deadline = now + this.#options.timeoutMs
    if (this.#isClosed) return exchange.fail(closedError())
    if (exchange.boundTo !== undefined && exchange.boundTo !== this.#connection) return exchange.unbind()
    if (this.#health !== 'well' && !this.#mayProbe(now)) return exchange.fail(this.#unavailable())
    const connection = this.#connection
    if (connection !== undefined && this.#isFull(connection, exchange)) {
      const waiting = `${connection.queuedCommands} commands, ${connection.queuedBytes} bytes`
      return exchange.fail(new StorageError('E_OVERLOADED', `Too much waits for ${this.#name}: ${waiting}`))
    }
    this.#send([exchange])
  }

  /** Settles everything in flight with `E_CLOSED`. Idempotent. */
  close(): void {
    this.#isClosed = true
    this.#connection?.destroy(closedError())
  }

  #mayProbe(now: number): boolean {
    // A probe that was given up before it was sent has told nothing: the next command takes its place.
    const isProbing = this.#health === 'probing' && this.#connection?.queuedCommands !== 0
    if (isProbing || now < this.#deadUntil) return false
    this.#health = 'probing'
    return true
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
      this.#giveUp(error as Error)
      for (const exchange of exchanges) exchange.fail(this.#unavailable())
    }
  }

  #open(): Connection<Frame> {
    const { dial, createReceiver } = this.#wire
    const owner = {
      answered: () => {
        this.#health = 'well'
      },
      lost: (loss: Loss, sent: Exchange<Frame>[], unsent: Exchange<Frame>[]) =>
        this.#onLost(loss, sent, unsent),
    }
    return new Connection(dial, createReceiver, owner, this.#options)
  }

  #onLost(loss: Loss, sent: readonly Exchange<Frame>[], unsent: readonly Exchange<Frame>[]): void {
    this.#connection = undefined
    const now = this.#options.now()
    if (!this.#isClosed && (loss.kind === 'timed-out' || !loss.answered)) this.#giveUp(loss.error)
    const again: Exchange<Frame>[] = []
    for (const exchange of sent) {
      if (this.#mayRetry(exchange, now)) again.push(exchange)
      else exchange.fail(this.#lossError(exchange, loss, now))
    }
    for (const exchange of unsent) {
      if (exchange.boundTo !== undefined && !this.#isClosed) exchange.unbind()
      else if (this.#health === 'well' && !this.#isClosed) again.push(exchange)
      else exchange.fail(this.#lossError(exchange, loss, now))
    }
    this.#send(again)
  }

  #mayRetry(exchange: Exchange<Frame>, now: number): boolean {
    if (this.#isClosed || this.#health !== 'well' || exchange.isSettled) return false
    return exchange.idempotent && exchange.attempts < MAX_ATTEMPTS && exchange.deadline > now
  }

  #giveUp(error: Error): void {
    this.#health = 'dead'
    this.#deadUntil = this.#options.now() + this.#options.deadTimeoutMs
    this.#lastError = error
  }

  #lossError(exchange: Exchange<Frame>, loss: Loss, now: number): StorageError {
    if (this.#isClosed) return closedError()
    if (loss.kind === 'timed-out' && exchange.deadline <= now) {
      return new StorageError('E_TIMEOUT', `${this.#name}: ${loss.error.message}`, { cause: loss.error })
    }
    return new CacheUnavailableError(`${this.#name}: ${loss.error.message}`, { cause: loss.error })
  }

  #unavailable(): StorageError {
    const reason = this.#lastError?.message ?? 'being probed'
    return new CacheUnavailableError(`${this.#name} is left alone: ${reason}`, { cause: this.#lastError })
  }
}

function closedError(): StorageError {
  return new StorageError('E_CLOSED', 'The cache was closed')
}

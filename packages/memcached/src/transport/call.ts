import { abortedError, onAbort, type StorageError } from '@larder/storage-core/base'
import type { CasResult } from '../cache.js'
import { boundTo, bytesOf, isRead, type Command } from './commands.js'

const EXISTS: CasResult = Object.freeze({ status: 'exists' })

/**
 * A command on its way and the promise of its result, which is settled once. It outlives its connection where it may
 * be sent again.
 */
export class Call {
  /** On the channel's clock; counted from when the command was issued, wherever it waited since. */
  deadline = 0
  /** When a connection wrote it last, on the same clock. */
  sentAt = 0
  /** How often it was handed to a connection. */
  attempts = 0
  /** Its promise was settled already; a reply is read and dropped. */
  isSettled = false
  /** For a call of several steps: the one that is due. From the second on, no other connection may carry it. */
  step: string | undefined
  /** The number that its reply repeats, where the protocol has one. */
  opaque = 0
  readonly command: Command
  /** What it is part of; undefined: it is a command of its own. */
  readonly batch: object | undefined
  readonly bytes: number
  /** Settled once, by this class alone. */
  readonly result: Promise<unknown>
  #resolve!: (result: unknown) => void
  #reject!: (error: Error) => void
  #release: (() => void) | undefined

  constructor(command: Command, batch: object | undefined) {
    this.command = command
    this.batch = batch
    this.bytes = bytesOf(command)
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  get isRead(): boolean {
    return isRead(this.command)
  }

  get boundTo(): object | undefined {
    return boundTo(this.command)
  }

  /** Rejects with `E_ABORTED` when `signal` fires. */
  follow(signal: AbortSignal): void {
    this.#release = onAbort(signal, () => this.fail(abortedError(signal)))
  }

  succeed(result: unknown): void {
    if (this.#end()) this.#resolve(result)
  }

  /** A second call does nothing. */
  fail(error: StorageError | Error): void {
    if (this.#end()) this.#reject(error)
  }

  /** Settles with what `read` makes of a reply, or with what it throws. */
  settle<Frame, C extends Command>(
    read: (frame: Frame, from: object, command: C) => unknown,
    frame: Frame,
    from: object,
    command: C,
  ): void {
    if (this.isSettled) return
    try {
      this.succeed(read(frame, from, command))
    } catch (error) {
      this.fail(error as Error)
    }
  }

  /** The connection that it is bound to ended before it was sent: the item may have changed since. */
  unbind(): void {
    this.succeed(this.command.kind === 'delete' ? 'exists' : EXISTS)
  }

  #end(): boolean {
    if (this.isSettled) return false
    this.isSettled = true
    this.#release?.()
    return true
  }
}

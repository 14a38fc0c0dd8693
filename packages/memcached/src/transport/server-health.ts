import type { Loss } from './connection.js'
import type { ChannelOptions } from './options.js'

/** A connection to the server. */
interface Member {
  /** More than 0, and undefined where it is not connected, mean that what it was given is on its way. */
  readonly queuedCommands: number | undefined
  /** Another connection stopped answering. */
  doubt(): void
}

/**
 * Whether a server is worth asking, as all connections to it learned together.
 * - A connection that stops answering may have died alone, as where a firewall forgot it: the server is in doubt, and
 *   so are its other connections, until a fresh one answers or fails.
 * - A server is dead when it refuses a connection, or when a fresh connection to a server in doubt brings no answer
 *   within half of the time-out at least. A command that was sent again shortly before its deadline proves nothing.
 *   It is left alone until the dead time-out has passed; then a single command is let through to see.
 */
export class ServerHealth {
  readonly #deadTimeoutMs: number
  readonly #members = new Set<Member>()
  #state: 'well' | 'doubted' | 'dead' | 'probing' = 'well'
  #deadUntil = 0
  #prober: Member | undefined
  #lastError: Error | undefined

  constructor(options: Pick<ChannelOptions, 'deadTimeoutMs'>) {
    this.#deadTimeoutMs = options.deadTimeoutMs
  }

  /** Whether any command may be sent. */
  get isUsable(): boolean {
    return this.#state === 'well' || this.#state === 'doubted'
  }

  /** Why it was given up last. */
  get lastError(): Error | undefined {
    return this.#lastError
  }

  join(member: Member): void {
    this.#members.add(member)
  }

  leave(member: Member): void {
    this.#members.delete(member)
  }

  recover(): void {
    this.#state = 'well'
  }

  giveUp(error: Error, now: number): void {
    this.#state = 'dead'
    this.#deadUntil = now + this.#deadTimeoutMs
    this.#lastError = error
  }

  /** A command waited for a fresh connection until its own deadline, and the connection had its fair time. */
  stalled(error: Error, now: number): void {
    if (this.#state === 'doubted') this.giveUp(error, now)
  }

  /** A connection ended, that of `member`. */
  lost({ kind, error, wasReady, answered }: Loss, now: number, member: Member): void {
    if (kind === 'ended') return
    const wasProbe = this.#state === 'probing' && this.#prober === member
    const isAlone = kind === 'timed-out' ? answered : wasReady && this.#state === 'well'
    if (wasProbe || !(answered || isAlone)) return this.giveUp(error, now)
    // A server that restarts resets its connections, and the next one is the proof; silence is in need of one.
    if (this.#state === 'well' && (kind === 'timed-out' || !answered)) this.#doubt(member)
  }

  mayProbe(prober: Member, now: number): boolean {
    // A probe that was given up before it was sent has told nothing: the next command takes its place.
    const isProbing = this.#state === 'probing' && this.#prober?.queuedCommands !== 0
    if (isProbing || now < this.#deadUntil) return false
    this.#state = 'probing'
    this.#prober = prober
    return true
  }

  #doubt(member: Member): void {
    this.#state = 'doubted'
    for (const other of this.#members) if (other !== member) other.doubt()
  }
}

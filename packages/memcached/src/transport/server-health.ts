import type { ChannelOptions } from './options.js'

/** Whoever has sent a probe: undefined and more than 0 mean that it is on its way. */
interface Prober {
  readonly queuedCommands: number | undefined
}

/**
 * Whether a server is worth asking, as all connections to it learned together. A dead one is left alone until the
 * dead time-out has passed; then a single command is let through to see.
 */
export class ServerHealth {
  readonly #deadTimeoutMs: number
  #state: 'well' | 'dead' | 'probing' = 'well'
  #deadUntil = 0
  #prober: Prober | undefined
  #lastError: Error | undefined

  constructor(options: Pick<ChannelOptions, 'deadTimeoutMs'>) {
    this.#deadTimeoutMs = options.deadTimeoutMs
  }

  get isWell(): boolean {
    return this.#state === 'well'
  }

  /** Why it was given up last. */
  get lastError(): Error | undefined {
    return this.#lastError
  }

  recover(): void {
    this.#state = 'well'
  }

  giveUp(error: Error, now: number): void {
    this.#state = 'dead'
    this.#deadUntil = now + this.#deadTimeoutMs
    this.#lastError = error
  }

  mayProbe(prober: Prober, now: number): boolean {
    // A probe that was given up before it was sent has told nothing: the next command takes its place.
    const isProbing = this.#state === 'probing' && this.#prober?.queuedCommands !== 0
    if (isProbing || now < this.#deadUntil) return false
    this.#state = 'probing'
    this.#prober = prober
    return true
  }
}

import type { Config } from './options.js'

/** What the events of a server say. */
export interface IssueDetails {
  readonly server: string
  /** Port and host, or the path of a socket. */
  readonly tokens: readonly string[]
  readonly messages: readonly string[]
  /** How often the server may still fail. */
  readonly failures: number
  readonly totalFailures: number
  readonly totalReconnectsAttempted: number
  readonly totalReconnectsSuccess: number
  readonly totalReconnectsFailed: number
  readonly totalDownTime: number
}

export type IssueEvent = 'issue' | 'failure' | 'reconnecting' | 'reconnect' | 'remove'

/** What a log of issues uses of its client. */
export interface IssueOwner {
  readonly config: Pick<Config, 'failures' | 'failuresTimeout' | 'retry' | 'reconnect' | 'remove'>
  emit(event: IssueEvent, details: IssueDetails): void
  /** Resolves when the server answers. */
  probe(): Promise<unknown>
}

/**
 * What npm `memcached` does about a server that fails: it is left alone for `retry` milliseconds, `failures` times; then it
 * is dead, and is removed or asked every `reconnect` milliseconds. A dead server counts as back when it answers.
 */
export class ServerIssues {
  readonly server: string
  failures: number
  /** Whether commands are refused. */
  failed = false
  /** Whether a retry is due. */
  locked = false
  readonly messages: string[] = []
  readonly #owner: IssueOwner
  readonly #timers = new Set<NodeJS.Timeout>()
  #resetTimer: NodeJS.Timeout | undefined
  #totalFailures = 0
  #attempts = 0
  #successes = 0
  #isDead = false
  #isEnded = false

  constructor(server: string, owner: IssueOwner) {
    this.server = server
    this.#owner = owner
    this.failures = owner.config.failures
  }

  get details(): IssueDetails {
    const { reconnect, retry } = this.#owner.config
    const failed = this.#attempts - this.#successes
    return {
      server: this.server,
      tokens: this.server.startsWith('/') ? [this.server] : tokensOf(this.server),
      messages: [...this.messages],
      failures: this.failures,
      totalFailures: this.#totalFailures,
      totalReconnectsAttempted: this.#attempts,
      totalReconnectsSuccess: this.#successes,
      totalReconnectsFailed: failed,
      totalDownTime: failed * reconnect + this.#totalFailures * retry,
    }
  }

  /** Takes down that the server failed. Failures while it is left alone are those of commands that were under way. */
  log(message: string): void {
    const { config } = this.#owner
    this.failed = true
    this.messages.push(message)
    if (this.locked || this.#isDead) return
    if (this.failures > 0) {
      if (this.failures === config.failures)
        this.#resetTimer = this.#after(config.failuresTimeout, () => {
          this.failures = config.failures
        })
      this.locked = true
      this.#after(config.retry, () => this.#retry())
      return this.#owner.emit('issue', this.details)
    }
    this.#die()
  }

  /** Stops all timers. */
  end(): void {
    this.#isEnded = true
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
  }

  #die(): void {
    const { config } = this.#owner
    clearTimeout(this.#resetTimer)
    this.#isDead = true
    if (config.remove) return this.#owner.emit('remove', this.details)
    this.#owner.emit('failure', this.details)
    this.#after(config.reconnect, () => void this.#reconnect())
  }

  #retry(): void {
    this.#totalFailures++
    this.failures--
    this.failed = false
    this.locked = false
  }

  async #reconnect(): Promise<void> {
    this.#attempts++
    this.#owner.emit('reconnecting', this.details)
    try {
      await this.#owner.probe()
    } catch (error) {
      this.messages.push((error as Error).message)
      this.#after(this.#owner.config.reconnect, () => void this.#reconnect())
      return
    }
    this.#successes++
    this.#reset()
    this.#owner.emit('reconnect', this.details)
  }

  #reset(): void {
    this.failures = this.#owner.config.failures
    this.messages.length = 0
    this.failed = false
    this.locked = false
    this.#isDead = false
  }

  #after(ms: number, run: () => void): NodeJS.Timeout {
    const timer = setTimeout(() => {
      if (this.#isEnded) return
      this.#timers.delete(timer)
      run()
    }, ms)
    this.#timers.add(timer.unref())
    return timer
  }
}

function tokensOf(address: string): readonly string[] {
  const [, host = address, port = ''] = /^(.*):(\d+)$/.exec(address) ?? []
  return [port, host]
}

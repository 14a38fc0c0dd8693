import type { Environment } from '@larder/memcached'
import { inBackground } from './background.js'

/** Processes that are woken at once do not all ask at once; milliseconds. */
const WOKEN_SPREAD_MS = 10

/** Relays again and again, until it is stopped: once in an interval, and when it is woken. */
export class RelayLoop {
  readonly #intervalMs: number
  readonly #pass: (isDue: boolean) => Promise<void>
  readonly #env: Environment
  #state: 'idle' | 'running' | 'stopped' = 'idle'
  #current: Promise<void> = Promise.resolve()
  /** Until the next pass is due. */
  #interval: Promise<void> | undefined
  #isWoken = false
  #wake: () => void = () => undefined

  /** `pass`: relays; `isDue`: the interval has passed. What rejects is tried again in the next pass. */
  constructor(intervalMs: number, pass: (isDue: boolean) => Promise<void>, env: Environment) {
    this.#intervalMs = intervalMs
    this.#pass = pass
    this.#env = env
  }

  get isRunning(): boolean {
    return this.#state === 'running'
  }

  /** Begins, the first time that it is called. Resolves to whether it did. */
  start(): boolean {
    if (this.#state !== 'idle') return false
    this.#state = 'running'
    inBackground(() => void this.#run())
    return true
  }

  /** The next pass begins now. */
  readonly wake = (): void => {
    this.#isWoken = true
    this.#wake()
  }

  /** Waits for the pass that is under way. No other begins. */
  async stop(): Promise<void> {
    this.#state = 'stopped'
    await this.#current
  }

  async #run(): Promise<void> {
    for (;;) {
      const isDue = await this.#wait()
      if (!this.isRunning) return
      this.#current = this.#pass(isDue).catch(() => undefined)
      await this.#current
    }
  }

  /** Resolves to whether the interval has passed. */
  async #wait(): Promise<boolean> {
    // Not all processes at once.
    this.#interval ??= this.#env.idle(this.#intervalMs * (0.75 + this.#env.random() / 2)).then(() => {
      this.#interval = undefined
    })
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    if (!this.#isWoken) await Promise.race([this.#interval, woken])
    if (this.#isWoken && this.#interval !== undefined)
      await this.#env.idle(WOKEN_SPREAD_MS * this.#env.random())
    this.#isWoken = false
    return this.#interval === undefined
  }
}

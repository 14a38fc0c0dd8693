import type { JournalRow, Storage } from '@larder/storage-core'
import type { Environment } from '../environment.js'
import type { StorageCounters } from './counters.js'
import type { Settings } from './settings.js'

/** How many rows of the journal are taken at a time. */
const BATCH = 100

/** Makes sure that nothing older than `version` stands under a key. Rejects where a server does not answer. */
export type Repair = (key: string, version: number) => Promise<void>

/**
 * Settles what writers left behind that died, or that could not reach the cache. Any number of processes may run
 * one side by side.
 */
export class Relay {
  readonly #storage: Storage
  readonly #namespace: string
  readonly #repair: Repair
  readonly #settings: Settings
  readonly #env: Environment
  readonly #counters: StorageCounters
  #state: 'idle' | 'running' | 'stopped' = 'idle'
  #pass: Promise<void> = Promise.resolve()

  constructor(
    storage: Storage,
    namespace: string,
    repair: Repair,
    settings: Settings,
    env: Environment,
    counters: StorageCounters,
  ) {
    this.#storage = storage
    this.#namespace = namespace
    this.#repair = repair
    this.#settings = settings
    this.#env = env
    this.#counters = counters
  }

  /** To be called by whatever is done first, since nothing may be done before. */
  start(): void {
    if (this.#state !== 'idle') return
    this.#state = this.#storage.supports.journal ? 'running' : 'stopped'
    if (this.#state === 'running') void this.#run()
  }

  /** Waits for what is being settled. */
  async stop(): Promise<void> {
    this.#state = 'stopped'
    await this.#pass
  }

  async #run(): Promise<void> {
    for (;;) {
      // Not all processes at once.
      await this.#env.idle(this.#settings.relayIntervalMs * (0.75 + this.#env.random() / 2))
      if (this.#state !== 'running') return
      // What fails now is tried again next time.
      this.#pass = this.#settleAll().catch(() => undefined)
      await this.#pass
    }
  }

  async #settleAll(): Promise<void> {
    const wanted = { olderThanMs: this.#settings.relayAfterMs, keyPrefix: this.#namespace, limit: BATCH }
    let settled = BATCH
    while (settled === BATCH) {
      settled = 0
      await this.#storage.unsettled(wanted, async (rows) => {
        const done = (await this.repair(rows)).filter(({ keys }) => keys.length === 0)
        settled = done.length
        this.#counters.relayed += done.length
        return done.map(({ id }) => id)
      })
    }
  }

  /**
   * Sets the cache right for this proxy's own keys. Resolves to the rows for which that worked, with the keys that
   * are left: another proxy's, or the caller's own.
   */
  async repair(rows: readonly JournalRow[]): Promise<JournalRow[]> {
    const repaired = await Promise.all(rows.map((row) => this.#repairRow(row)))
    return repaired.filter((row) => row !== undefined)
  }

  async #repairRow({ id, keys, version }: JournalRow): Promise<JournalRow | undefined> {
    const own = keys.filter((key) => key.startsWith(this.#namespace))
    try {
      await Promise.all(own.map((key) => this.#repair(key, version)))
    } catch {
      this.#counters.cacheErrors++
      return undefined
    }
    return { id, version, keys: keys.filter((key) => !key.startsWith(this.#namespace)) }
  }
}

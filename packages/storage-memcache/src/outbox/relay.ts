import type { Environment } from '@larder/memcached'
import type { Storage } from '@larder/storage-core'
import type { JournalRow, ExternalChange } from '@larder/storage-core/driver'
import { inWaves, RelayLoop } from '../coherence/index.js'
import type { StorageCounters } from '../counters.js'
import { NEWEST } from '../storage-keys.js'
import type { Settings } from '../settings.js'

/** How many rows of the journal are taken at a time. */
const BATCH = 100
/** How many rows are remembered as waiting for somebody else. */
const MAX_WAITING = 10_000

/** Makes sure that nothing older than `version` stands under a key. Rejects where a server does not answer. */
export type Repair = (key: string, version: number) => Promise<void>

/** The keys that may be wrong after a change past the library. */
export type KeysOf = (change: ExternalChange) => readonly string[]

/**
 * Settles what writers left behind that died, or that could not reach the cache. Any number of processes may run
 * one side by side.
 */
export class Relay {
  readonly #storage: Storage
  readonly #namespace: string
  readonly #repair: Repair
  readonly #keysOf: KeysOf
  readonly #settings: Settings
  readonly #counters: StorageCounters
  /** Rows of which this proxy's keys are right, and which somebody else must settle. */
  readonly #waiting = new Set<string>()
  #isBehind = false
  #unsubscribe: () => void = () => undefined
  readonly #loop: RelayLoop

  constructor(
    storage: Storage,
    namespace: string,
    repair: Repair,
    keysOf: KeysOf,
    settings: Settings,
    env: Environment,
    counters: StorageCounters,
  ) {
    this.#storage = storage
    this.#namespace = namespace
    this.#repair = repair
    this.#keysOf = keysOf
    this.#settings = settings
    const pass = (isDue: boolean) => (isDue ? this.#settleAll() : this.#settleOutside())
    this.#loop = new RelayLoop(settings.relayIntervalMs, pass, env)
    this.#counters = counters
  }

  /** To be called by each operation: the first one begins to relay. */
  start(): void {
    if (!this.#storage.supports.journal || !this.#loop.start()) return
    this.#unsubscribe = this.#storage.onExternalChange(this.#loop.wake)
  }

  /** Waits for the rows that are being settled. */
  async stop(): Promise<void> {
    this.#unsubscribe()
    await this.#loop.stop()
  }

  async #settleAll(): Promise<void> {
    await this.#settleOutside()
    await this.#settleWrites()
  }

  /** What others changed past the library; a proxy in front of this one does it with its own keys, where there is one. */
  async #settleOutside(): Promise<void> {
    const wanted = { olderThanMs: 0, limit: BATCH, external: true }
    let handed = BATCH
    let settled = 1
    while (handed === BATCH && settled > 0 && !this.#isBehind && this.#loop.isRunning) {
      handed = await this.#storage.claim(wanted, async (rows) => {
        const done = await this.repairOutside(rows)
        settled = done.length
        this.#counters.relayed += settled
        return done.map(({ id }) => id)
      })
    }
  }

  /** From now on the changes of others are left to who stands in front of this proxy, and asks it for them. */
  standBehind(): void {
    this.#isBehind = true
  }

  /** Sets the cache right for changes past the library. Resolves to the rows for which that worked. */
  async repairOutside(rows: readonly JournalRow[]): Promise<JournalRow[]> {
    const keys = new Map<string, Promise<boolean>>()
    const isRight = (key: string) => {
      const known = keys.get(key) ?? this.#isRepaired(key)
      keys.set(key, known)
      return known
    }
    const repaired = await inWaves(rows, async (row) => {
      const all = row.external === undefined ? [] : this.#keysOf(row.external)
      return (await Promise.all(all.map(isRight))).every(Boolean) ? row : undefined
    })
    return repaired.filter((row) => row !== undefined)
  }

  async #isRepaired(key: string): Promise<boolean> {
    try {
      await this.#repair(key, NEWEST.version)
      return true
    } catch {
      this.#counters.cacheErrors++
      return false
    }
  }

  async #settleWrites(): Promise<void> {
    const wanted = {
      olderThanMs: this.#settings.relayAfterMs,
      keyPrefix: tagOf(this.#namespace),
      limit: BATCH,
    }
    const seen = new Set<string>()
    let handed = BATCH
    let isNew = true
    // Rows that could not be settled come again behind the others: then everybody has had a turn.
    while (handed === BATCH && isNew && this.#loop.isRunning) {
      handed = await this.#storage.claim(wanted, async (rows) => {
        isNew = rows.some(({ id }) => !seen.has(id))
        const untried = rows.filter(({ id }) => !seen.has(id) && !this.#waiting.has(id))
        for (const { id } of rows) seen.add(id)
        const repaired = await this.repair(untried)
        const done = repaired.filter(({ keys }) => keys.length === 0)
        for (const { id, keys } of repaired) if (keys.length > 0) this.#remember(id)
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
    const repaired = await inWaves(rows, (row) => this.#repairRow(row))
    return repaired.filter((row) => row !== undefined)
  }

  async #repairRow({ id, keys, version, waitedMs = 0 }: JournalRow): Promise<JournalRow | undefined> {
    const tag = tagOf(this.#namespace)
    const own = keys.filter((key) => key.startsWith(tag)).map((key) => key.slice(tag.length))
    try {
      await inWaves(own, (key) => this.#repair(key, version))
    } catch {
      this.#counters.cacheErrors++
      // What was wrong on a server that is still away has expired there by now.
      if (waitedMs < this.#settings.relayForMs) return undefined
    }
    return { id, version, keys: keys.flatMap(keyOfGuest) }
  }

  #remember(id: string): void {
    this.#waiting.add(id)
    const [oldest] = this.#waiting
    if (this.#waiting.size > MAX_WAITING && oldest !== undefined) this.#waiting.delete(oldest)
  }
}

/** Before what is to be invalidated of cached queries: such rows are a `QueryCache`'s, whatever stands in between. */
export const QUERY_MARK = '? '

function isQueryKey(key: string): boolean {
  return key.startsWith(QUERY_MARK)
}

/** Before the keys that another proxy, or the caller, has put into the same row. No namespace contains it. */
const GUEST = '> '

/** How a proxy's own keys are told from all others in the journal: a namespace has no space. */
function tagOf(namespace: string): string {
  return `${namespace} `
}

/** What a row of the journal names: the proxy's own keys, and those of whoever takes part in its transaction. */
export function journalKeys(
  namespace: string,
  own: readonly string[],
  guests: readonly string[] | undefined,
): readonly string[] {
  return [...own.map((key) => tagOf(namespace) + key), ...(guests ?? []).map((key) => GUEST + key)]
}

/** Finds the rows of guests whose keys begin so. */
export function guestPrefix(keyPrefix: string): string {
  return keyPrefix === '' || isQueryKey(keyPrefix) ? keyPrefix : GUEST + keyPrefix
}

/** Keys of those who take part in a transaction, as the row names them. */
export function guestKeys(keys: readonly string[]): string[] {
  return keys.map((key) => (isQueryKey(key) ? key : GUEST + key))
}

function keyOfGuest(key: string): string[] {
  if (isQueryKey(key)) return [key]
  return key.startsWith(GUEST) ? [key.slice(GUEST.length)] : []
}

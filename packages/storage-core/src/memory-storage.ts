import { throwIfAborted } from './abort.js'
import type {
  DriverCall,
  DriverTransaction,
  StorageDriver,
  TransactionRequest,
  WriteRequest,
} from './storage-driver.js'
import { DrivenStorage } from './driven-storage.js'
import { StorageError } from './errors.js'
import { tooLate, withDeadline } from './deadline.js'
import { callHooks } from './hook-calls.js'
import { defaultKeyGenerator, type KeyGenerator } from './key-generator.js'
import { KeyedMutex } from './keyed-mutex.js'
import { MemoryJournal } from './memory-journal.js'
import { type MemoryPlan, planWrite, resultOfPlan, unchanged } from './memory-plan.js'
import { MemoryReads } from './memory-reads.js'
import { CommittedTables, rowOf } from './memory-tables.js'
import { MemoryTransaction } from './memory-transaction.js'
import { compareNames } from './names.js'
import {
  functionOption,
  type OptionsOf,
  optionTable,
  type ResolvedOptions,
  resolveOptions,
} from './options/index.js'
import type { StorageFeatures, WriteResult } from './storage.js'
import type { TransactionResult } from './transaction.js'

/** What `MemoryStorage` takes. */
export const MEMORY_STORAGE_OPTIONS = optionTable({
  /** Makes the keys of `info()`. Default: `defaultKeyGenerator`. */
  keyGenerator: functionOption<KeyGenerator>(defaultKeyGenerator),
  /**
   * Milliseconds since 1970. With it, calls also resolve without a turn of the event loop, so that a simulated time
   * decides what happens when. Default: `Date.now`.
   */
  now: functionOption<() => number>(),
})

/** What `MemoryStorage` can be told. */
export type MemoryStorageOptions = OptionsOf<typeof MEMORY_STORAGE_OPTIONS>

const ATTEMPTS = 8
const TRANSACTION_TIMEOUT_MS = 10_000
const COLLISION = Symbol('collision')

/** The reference implementation: everything in this process, gone with it. */
export class MemoryStorage extends DrivenStorage {
  /** Throws a `TypeError` for an unknown option. */
  constructor(options: MemoryStorageOptions = {}) {
    super(new MemoryDriver(resolveOptions('MemoryStorage', MEMORY_STORAGE_OPTIONS, options)))
  }
}

class MemoryDriver extends MemoryReads implements StorageDriver {
  readonly system = 'memory'
  readonly supports: StorageFeatures = Object.freeze({
    durable: false,
    atomicParts: true,
    atomicMany: true,
    transactions: true,
    interactiveTransactions: true,
    journal: true,
    streams: false,
    orderByModified: true,
  })
  readonly keyOf: KeyGenerator
  readonly now: () => number
  readonly #tables: CommittedTables
  readonly #rows = new KeyedMutex()
  /** Transactions of several calls run one after the other, so that no two wait for each other. */
  readonly #turns = new KeyedMutex()
  readonly #journal: MemoryJournal
  #lastVersion = 0

  constructor({ keyGenerator, now }: ResolvedOptions<typeof MEMORY_STORAGE_OPTIONS>) {
    const tables = new CommittedTables()
    super(tables, now === undefined)
    this.#tables = tables
    this.keyOf = keyGenerator
    this.now = now ?? Date.now
    this.#journal = new MemoryJournal(this.now)
  }

  async write(request: WriteRequest, call: DriverCall): Promise<WriteResult> {
    const [result] = await this.writeMany([request], call)
    return result ?? unchanged(this.now())
  }

  writeMany(requests: readonly WriteRequest[], { signal }: DriverCall): Promise<WriteResult[]> {
    const rows = requests.map(({ info }) => rowOf(info)).sort(compareNames)
    return this.#locked(rows, signal, Infinity, () => this.#writeLocked(requests, signal))
  }

  /**
   * Runs `work` with the rows locked: a hook may wait, and no other write of the resources may pass it. Rejects with
   * `E_TIMEOUT` when they are not free before `deadline`.
   */
  async #locked<T>(
    rows: readonly string[],
    signal: AbortSignal | undefined,
    deadline: number,
    work: () => Promise<T>,
  ): Promise<T> {
    const turn = this.turn()
    if (turn !== undefined) await turn
    throwIfAborted(signal)
    const releases: (() => void)[] = []
    try {
      for (const row of rows) releases.push(await this.#lock(row, signal, deadline))
      return await work()
    } finally {
      for (const release of releases) release()
    }
  }

  async #lock(row: string, signal: AbortSignal | undefined, deadline: number): Promise<() => void> {
    const locking = this.#rows.acquire(row, signal)
    if (deadline === Infinity) return locking
    try {
      return await withDeadline(locking, deadline, () => tooLate(undefined))
    } catch (error) {
      // Given back when its turn comes.
      locking.then((release) => release()).catch(() => undefined)
      throw error
    }
  }

  async #writeLocked(
    requests: readonly WriteRequest[],
    signal: AbortSignal | undefined,
  ): Promise<WriteResult[]> {
    const plans = requests.map((request) =>
      planWrite(request, this.#tables.get(request.info), this.now(), this.nextVersion),
    )
    const hooked = plans.flatMap((plan) =>
      plan?.transaction === undefined ? [] : { hook: plan.transaction, pending: plan.pending },
    )
    if (hooked.length > 0) checkInTime(await callHooks(hooked, signal, this.#hookDeadline()), signal)
    return plans.map((plan) => (plan === undefined ? unchanged(this.now()) : this.#commit(plan)))
  }

  /** None where a simulated time decides what happens when. */
  #hookDeadline(): number {
    return this.now === Date.now ? performance.now() + TRANSACTION_TIMEOUT_MS : Infinity
  }

  #commit(plan: MemoryPlan): WriteResult {
    const { pending, after, transaction } = plan
    this.#tables.set(pending.info, after)
    const id = transaction?.journal && this.#journal.insert(transaction.journal, pending.version)
    return resultOfPlan(plan, id)
  }

  async transaction<T>(
    work: (tx: DriverTransaction) => Promise<T>,
    { attempts = ATTEMPTS, timeoutMs = TRANSACTION_TIMEOUT_MS }: TransactionRequest,
    { signal }: DriverCall,
  ): Promise<TransactionResult<T>> {
    for (let attempt = 1; ; attempt++) {
      const turn = await this.#turns.acquire('', signal)
      this.#tables.rememberRemovals(true)
      const release = () => {
        this.#tables.rememberRemovals(false)
        turn()
      }
      const deadline = performance.now() + Math.min(timeoutMs, TRANSACTION_TIMEOUT_MS)
      const tx = new MemoryTransaction(this, this.#tables, deadline)
      let value: T
      try {
        value = await work(tx)
        if ((await this.#commitTransaction(tx, signal)) === COLLISION) throw conflict(attempt)
      } catch (error) {
        // No lock is held while caches are updated.
        release()
        await tx.steps.afterRollback(error)
        if (!(error instanceof Conflict) || attempt >= attempts) throw error
        continue
      }
      release()
      return { value, cacheInvalidated: await tx.steps.afterCommit() }
    }
  }

  #commitTransaction(
    tx: MemoryTransaction,
    signal: AbortSignal | undefined,
  ): Promise<typeof COLLISION | undefined> {
    return this.#locked(tx.tables.rows, signal, tx.deadline, async () => {
      if (!tx.tables.isCurrent) return COLLISION
      checkInTime(await tx.steps.beforeCommit(signal, tx.deadline), signal)
      tx.tables.apply()
      for (const { id, keys, version } of tx.rows) this.#journal.insert(keys, version, id)
      return undefined
    })
  }

  async acknowledge(journalIds: readonly string[]): Promise<void> {
    this.#journal.acknowledge(journalIds)
  }

  claim(...args: Parameters<MemoryJournal['claim']>): Promise<number> {
    return this.#journal.claim(...args)
  }

  async close(): Promise<void> {
    this.#tables.clear()
  }

  nextJournalId(): string {
    return this.#journal.nextId()
  }

  /** One counter for all, begun at the clock, so that a new process issues numbers above those of the last one. */
  readonly nextVersion = (): number => {
    this.#lastVersion = Math.max(this.#lastVersion + 1, Math.floor(this.now() * 1_000))
    return this.#lastVersion
  }
}

class Conflict extends StorageError {}

function conflict(attempts: number): Conflict {
  return new Conflict('E_CONFLICT', `The transaction collided with other writers ${attempts} times`)
}

function checkInTime(commitBefore: number, signal: AbortSignal | undefined): void {
  throwIfAborted(signal)
  if (!(performance.now() < commitBefore)) throw tooLate(undefined)
}

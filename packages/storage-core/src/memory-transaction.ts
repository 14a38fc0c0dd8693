import type {
  DriverCall,
  DriverTransaction,
  StorageDriver,
  TransactionRequest,
  WriteRequest,
} from './storage-driver.js'
import { StorageError } from './errors.js'
import type { KeyGenerator } from './key-generator.js'
import { type MemoryPlan, planWrite, resultOfPlan, unchanged } from './memory-plan.js'
import { MemoryReads } from './memory-reads.js'
import { type MemoryTables, UncommittedTables } from './memory-tables.js'
import type { StorageFeatures, WriteResult } from './storage.js'
import type { BoundCalls, Participant, TransactionResult } from './transaction.js'
import { TransactionSteps } from './transaction-steps.js'

/** What a transaction needs of the storage that it is of. */
export interface MemoryOwner {
  readonly supports: StorageFeatures
  readonly keyOf: KeyGenerator
  readonly now: () => number
  readonly nextVersion: () => number
  /** Gives an id to a row of the journal that may come to be. */
  readonly nextJournalId: () => string
}

/** A row of the journal that waits for the commit. */
export interface PendingRow {
  readonly id: string
  readonly keys: readonly string[]
  readonly version: number
}

/** What is written in a transaction, kept beside the committed tables until it commits. */
export class MemoryTransaction extends MemoryReads implements DriverTransaction, StorageDriver {
  readonly system = 'memory'
  readonly native = undefined
  readonly steps: TransactionSteps
  readonly tables: UncommittedTables
  readonly rows: PendingRow[] = []
  readonly deadline: number
  readonly #owner: MemoryOwner
  readonly #depth: number

  constructor(owner: MemoryOwner, behind: MemoryTables, deadline: number, outer?: MemoryTransaction) {
    const tables = new UncommittedTables(behind)
    super(tables, false)
    this.tables = tables
    this.steps = outer?.steps ?? new TransactionSteps()
    this.deadline = deadline
    this.#owner = owner
    this.#depth = outer === undefined ? 0 : outer.#depth + 1
  }

  get driver(): StorageDriver {
    return this
  }

  get supports(): StorageFeatures {
    return this.#owner.supports
  }

  get keyOf(): KeyGenerator {
    return this.#owner.keyOf
  }

  get outcome(): TransactionSteps['outcome'] {
    return this.steps.outcome
  }

  async write(request: WriteRequest): Promise<WriteResult> {
    const [result] = await this.writeMany([request])
    return result ?? unchanged(this.#owner.now())
  }

  async writeMany(requests: readonly WriteRequest[]): Promise<WriteResult[]> {
    const { now, nextVersion } = this.#owner
    const plans = requests.map((request) =>
      planWrite(request, this.tables.get(request.info), now(), nextVersion),
    )
    return plans.map((plan) => (plan === undefined ? unchanged(now()) : this.#store(plan)))
  }

  #store(plan: MemoryPlan): WriteResult {
    const { pending, after, transaction } = plan
    this.tables.set(pending.info, after)
    this.steps.add([{ hook: transaction, pending }], this.#depth)
    const id = transaction?.journal && this.#row(transaction.journal, pending.version)
    return resultOfPlan(plan, id)
  }

  #row(keys: readonly string[], version: number): string {
    const id = this.#owner.nextJournalId()
    this.rows.push({ id, keys: [...keys], version })
    return id
  }

  async journal(keys: readonly string[]): Promise<string> {
    return this.#row(keys, 0)
  }

  enlist(participant: Participant): void {
    this.steps.enlist(participant)
  }

  async closing(): Promise<void> {
    if (this.#depth === 0) await this.steps.closing()
  }

  closeWith(calls: BoundCalls): void {
    this.steps.closeWith(calls)
  }

  async transaction<T>(
    work: (tx: DriverTransaction) => Promise<T>,
    _request: TransactionRequest,
    _call: DriverCall,
  ): Promise<TransactionResult<T>> {
    const nested = new MemoryTransaction(this.#owner, this.tables, this.deadline, this)
    try {
      const value = await work(nested)
      if (!nested.tables.isCurrent)
        throw new StorageError('E_CONFLICT', 'The outer transaction has written what the nested one writes')
      nested.tables.apply()
      this.rows.push(...nested.rows)
      this.steps.keep(this.#depth)
      return { value, cacheInvalidated: true }
    } catch (error) {
      this.steps.undo(this.#depth)
      throw error
    }
  }

  async close(): Promise<void> {}
}

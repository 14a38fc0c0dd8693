import { BaseStorage } from './base-storage.js'
import { CallGate, describeCall } from './call-gate.js'
import { TRANSACTION_OPTIONS, type TransactionOptions } from './call-options.js'
import { tooLate, withDeadline } from './deadline.js'
import type { DriverCall, DriverTransaction, StorageDriver } from './storage-driver.js'
import { StorageError } from './errors.js'
import { runInFlow } from './flow.js'
import { resolveOptions, wrongType } from './options/index.js'
import type { StorageTransaction, TransactionalInvalidator } from './storage.js'
import type { BoundCalls, Participant, TransactionOutcome, TransactionResult } from './transaction.js'

const HAS_ENDED = 'The transaction has ended'

type Work<T> = (tx: StorageTransaction) => Promise<T>

/** Runs `work` in a transaction of the driver. `owner`: whose own calls are refused meanwhile; null: nobody's. */
export async function runTransaction<T>(
  driver: StorageDriver,
  gate: CallGate,
  work: Work<T>,
  options: TransactionOptions = {},
  owner: object | null = driver,
): Promise<TransactionResult<T>> {
  if (typeof work !== 'function') throw wrongType('work', 'a function', work)
  const { attempts, timeoutMs } = resolveOptions('transaction', TRANSACTION_OPTIONS, options)
  const begin = driver.transaction?.bind(driver)
  if (begin === undefined || !driver.supports.interactiveTransactions)
    throw new StorageError('E_UNSUPPORTED', 'This storage has no transactions of several calls')
  const run = (call: DriverCall) =>
    begin(
      (tx: DriverTransaction) => workIn(owner, tx, gate, work, options.signal),
      { attempts, timeoutMs },
      call,
    )
  return gate.run(options, run, describeCall('transaction', undefined))
}

/** Binds to a transaction that the program opened. */
export function joinTransaction(driver: StorageDriver, gate: CallGate, manager: object): StorageTransaction {
  gate.checkOpen()
  if (typeof manager !== 'object' || manager === null)
    throw wrongType('manager', 'the EntityManager of an open transaction', manager)
  if (driver.join === undefined)
    throw new StorageError('E_UNSUPPORTED', 'This storage cannot join a transaction of the program')
  const tx = driver.join(manager)
  const known = joined.get(tx)
  if (known !== undefined) return known
  const bound = new BoundStorage(tx)
  tx.closeWith(bound.calls)
  bound.cutAt(tx.deadline)
  joined.set(tx, bound)
  return bound
}

const joined = new WeakMap<DriverTransaction, BoundStorage>()

async function workIn<T>(
  owner: object | null,
  tx: DriverTransaction,
  outer: CallGate,
  work: Work<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  const bound = new BoundStorage(tx)
  const isOpen = () => bound.isOpen
  const toTheEnd = async () => {
    // The outer one may have ended while this one began.
    bound.checkOpen()
    const value = bound.finish(await work(bound))
    await tx.closing()
    await bound.calls.drain()
    return value
  }
  const release = outer.onCut((reason) => void bound.calls.cut(reason))
  try {
    const working = owner === null ? toTheEnd() : runInFlow({ owner, isOpen }, toTheEnd)
    return await withDeadline(bound.untilCut(working), tx.deadline, () => tooLate(undefined), signal)
  } catch (error) {
    await bound.calls.cut(error)
    throw error
  } finally {
    release()
  }
}

/** The storage that `work` is given. What its calls wait for ends with the transaction. */
class BoundStorage extends BaseStorage implements StorageTransaction {
  readonly #tx: DriverTransaction
  readonly #gate: CallGate

  constructor(tx: DriverTransaction) {
    const gate = new CallGate(tx.driver.system ?? 'other', HAS_ENDED)
    super(tx.driver, gate)
    this.#tx = tx
    this.#gate = gate
    void tx.outcome.then(() => gate.cut(hasEnded()))
  }

  get native(): unknown {
    return this.#tx.native
  }

  get outcome(): Promise<TransactionOutcome> {
    return this.#tx.outcome
  }

  get isOpen(): boolean {
    return this.#gate.isOpen
  }

  checkOpen(): void {
    this.#gate.checkOpen()
  }

  transaction<T>(work: Work<T>, options?: TransactionOptions): Promise<TransactionResult<T>> {
    return runTransaction(this.#tx.driver, this.#gate, work, options, null)
  }

  within(manager: object): StorageTransaction {
    this.#gate.checkOpen()
    if (manager === this.#tx.native) return this
    throw new TypeError('This storage is bound to another transaction')
  }

  async journal(keys: readonly string[]): Promise<string> {
    if (!Array.isArray(keys) || keys.length === 0 || !keys.every((key) => typeof key === 'string'))
      throw wrongType('keys', 'a list of keys', keys)
    if (!this.supports.journal) throw new StorageError('E_UNSUPPORTED', 'This storage keeps no journal')
    return this.#gate.run(undefined, () => this.#tx.journal(keys))
  }

  enlist(participant: Participant): void {
    if (typeof participant !== 'object' || participant === null)
      throw wrongType('participant', 'an object with functions', participant)
    this.#gate.checkOpen()
    this.#tx.enlist(participant)
  }

  async invalidate<Target>(
    queries: TransactionalInvalidator<Target>,
    ...targets: readonly Target[]
  ): Promise<void> {
    if (typeof queries?.invalidateIn !== 'function')
      throw new TypeError('invalidate takes a QueryCache, and then what is to be invalidated')
    await queries.invalidateIn(this, ...targets)
  }

  override async shutdown(): Promise<void> {
    throw new StorageError('E_UNSUPPORTED', 'A transaction ends with its work, and is not shut down')
  }

  /** From now on nobody can handle the failure of a call that was not awaited. */
  finish<T>(value: T): T {
    this.#gate.expectNoFailure()
    return value
  }

  /** What `work` resolves to; rejects with the reason of a cut. */
  untilCut<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      work.then(resolve, reject).finally(this.#gate.onCut(reject))
    })
  }

  /** For a transaction whose work is not known here. It cannot be committed any more then. */
  cutAt(deadline: number): void {
    const late = (reason: unknown) => this.calls.cut(reason)
    withDeadline(this.outcome, deadline, () => tooLate(undefined)).catch(late)
  }

  readonly calls: BoundCalls = {
    /** Rejects with what a call failed with that nobody had waited for. */
    drain: async () => {
      this.#gate.expectNoFailure()
      await this.#gate.close()
      if (this.#gate.lateFailure !== undefined) throw this.#gate.lateFailure.error
    },
    cut: (reason) => this.#gate.cut(reason),
  }
}

function hasEnded(): StorageError {
  return new StorageError('E_CLOSED', HAS_ENDED)
}

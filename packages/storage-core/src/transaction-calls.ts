import { BaseStorage } from './base-storage.js'
import { CallGate, toldOf } from './call-gate.js'
import { tooLate, withDeadline } from './deadline.js'
import type { DriverCall, DriverTransaction, StorageDriver, TransactionRequest } from './driver.js'
import { StorageError } from './errors.js'
import { runInFlow } from './flow.js'
import { checkOptionNames, type NamesOf } from './options/option-names.js'
import type { StorageTransaction, TransactionalInvalidator } from './storage.js'
import type { Participant, TransactionOptions, TransactionOutcome, TransactionResult } from './transaction.js'

const OPTION_NAMES: NamesOf<TransactionOptions> = Object.freeze({
  signal: true,
  attempts: true,
  timeoutMs: true,
})
const LARGEST_NUMBER = 2_147_483_647

type Work<T> = (tx: StorageTransaction) => Promise<T>

/** Runs `work` in a transaction of the driver. `owner`: whose own calls are refused meanwhile; null: nobody's. */
export async function runTransaction<T>(
  driver: StorageDriver,
  gate: CallGate,
  work: Work<T>,
  options: TransactionOptions = {},
  owner: object | null = driver,
): Promise<TransactionResult<T>> {
  if (typeof work !== 'function') throw new TypeError('transaction takes a function that does the work')
  const request = checkTransactionOptions(options)
  const begin = driver.transaction?.bind(driver)
  if (begin === undefined || !driver.supports.interactiveTransactions)
    throw new StorageError('E_UNSUPPORTED', 'This storage has no transactions of several calls')
  const run = (call: DriverCall) =>
    begin((tx: DriverTransaction) => workIn(owner, tx, work, options.signal), request, call)
  return gate.run(options, run, toldOf('transaction', undefined))
}

/** Binds to a transaction that the program opened. */
export function joinTransaction(driver: StorageDriver, gate: CallGate, manager: object): StorageTransaction {
  gate.checkOpen()
  if (typeof manager !== 'object' || manager === null)
    throw new TypeError('within takes the EntityManager of an open transaction')
  if (driver.join === undefined)
    throw new StorageError('E_UNSUPPORTED', 'This storage cannot join a transaction of the program')
  const tx = driver.join(manager)
  const known = joined.get(tx)
  if (known !== undefined) return known
  const bound = new BoundStorage(tx)
  tx.closeWith(() => bound.end())
  joined.set(tx, bound)
  return bound
}

const joined = new WeakMap<DriverTransaction, BoundStorage>()

async function workIn<T>(
  owner: object | null,
  tx: DriverTransaction,
  work: Work<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  const bound = new BoundStorage(tx)
  const isOpen = () => bound.isOpen
  let value: T
  try {
    const begin = async () => bound.finish(await work(bound))
    const working = owner === null ? begin() : runInFlow({ owner, isOpen }, begin)
    value = await withDeadline(working, tx.deadline, () => tooLate(undefined), signal)
    await tx.closing()
  } catch (error) {
    // What fails it says more than what follows from it.
    await bound.end().catch(() => undefined)
    throw error
  }
  await bound.end()
  return value
}

/** The storage that `work` is given. */
class BoundStorage extends BaseStorage implements StorageTransaction {
  readonly #tx: DriverTransaction
  readonly #gate: CallGate

  constructor(tx: DriverTransaction) {
    const gate = new CallGate(tx.driver.system ?? 'other', 'The transaction has ended')
    super(tx.driver, gate)
    this.#tx = tx
    this.#gate = gate
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
      throw new TypeError('journal takes a list of keys')
    if (!this.supports.journal) throw new StorageError('E_UNSUPPORTED', 'This storage keeps no journal')
    return this.#gate.run(undefined, () => this.#tx.journal(keys))
  }

  enlist(participant: Participant): void {
    if (typeof participant !== 'object' || participant === null)
      throw new TypeError('enlist takes an object with functions')
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

  /** Rejects with what a call failed with that nobody had waited for. */
  async end(): Promise<void> {
    this.#gate.expectNoFailure()
    await this.#gate.close()
    if (this.#gate.lateFailure !== undefined) throw this.#gate.lateFailure.error
  }
}

function checkTransactionOptions(options: TransactionOptions): TransactionRequest {
  checkOptionNames('transaction', options, OPTION_NAMES)
  const { attempts, timeoutMs } = options
  for (const [name, value] of Object.entries({ attempts, timeoutMs })) {
    if (value === undefined) continue
    if (!Number.isInteger(value) || value < 1 || value > LARGEST_NUMBER)
      throw new RangeError(`${name} must be a whole number, 1 or more, not ${value}`)
  }
  return { attempts, timeoutMs }
}

import { StorageError } from '@larder/storage-core'
import { isInFlowOf } from '@larder/storage-core/driver'
import type {
  AfterQueryEvent,
  BeforeQueryEvent,
  DataSource,
  EntitySubscriberInterface,
  QueryRunner,
} from 'typeorm'
import type { Dialect } from '../dialects/index.js'
import { closedConnection, commitError, rolledBack, toStorageError } from '../sql-errors.js'
import { endOf } from './guard.js'
import type { OpenTransaction } from './open-transaction.js'
import { ProgramFlows } from './program-flows.js'
import { depthOf, setDepth, watchEnds } from './runner-ends.js'
import { HeldTurns, type Turns } from './turns.js'

const READS = /^\s*(SELECT|PRAGMA|EXPLAIN|BEGIN|SAVEPOINT|RELEASE|COMMIT|ROLLBACK)\b/i

interface TransactionEvent {
  readonly queryRunner: QueryRunner
}

/** Hears how TypeORM begins and ends transactions of a data source, and lets those that are joined take part in it. */
export class TransactionEvents implements EntitySubscriberInterface {
  readonly #dataSource: DataSource
  readonly #open = new WeakMap<QueryRunner, OpenTransaction>()
  readonly #own = new WeakSet<QueryRunner>()
  readonly #rollingBack = new WeakSet<QueryRunner>()
  readonly #turns = new HeldTurns()
  readonly #owners = new Map<object, Turns | undefined>()
  readonly #flows: ProgramFlows
  /** Ends the flow of the transaction that a query runner has open. */
  readonly #leave = new WeakMap<QueryRunner, () => void>()
  /** Their open transaction is one of `dataSource.transaction()`. */
  readonly #contained = new WeakSet<QueryRunner>()
  readonly #dialect: Dialect

  constructor(dataSource: DataSource, dialect: Dialect) {
    this.#dataSource = dataSource
    this.#dialect = dialect
    this.#flows = new ProgramFlows(dataSource)
  }

  addOwner(owner: object, turns: Turns | undefined): void {
    if (this.#owners.size === 0) {
      // The first to be called: should another one throw, none after it is.
      this.#dataSource.subscribers.unshift(this)
      this.#flows.install()
    }
    this.#owners.set(owner, turns)
  }

  removeOwner(owner: object): void {
    if (!this.#owners.delete(owner) || this.#owners.size > 0) return
    const place = this.#dataSource.subscribers.indexOf(this)
    if (place !== -1) this.#dataSource.subscribers.splice(place, 1)
    this.#flows.remove()
  }

  /** For transactions that are begun here. */
  setOwn(runner: QueryRunner): void {
    this.#own.add(runner)
  }

  add(transaction: OpenTransaction): void {
    this.#open.set(transaction.runner, transaction)
  }

  /** Also one that is about to end. */
  of(runner: QueryRunner): OpenTransaction | undefined {
    return this.#open.get(runner)
  }

  async beforeTransactionStart({ queryRunner }: TransactionEvent): Promise<void> {
    const { isContained } = this.#flows
    if (this.#own.has(queryRunner) || this.#isNested(queryRunner, isContained)) return
    for (const [owner, turns] of this.#owners) if (turns !== undefined && isInFlowOf(owner)) throw wouldWait()
    // At once: what follows is in the caller's flow only until something is waited for.
    const leave = this.#flows.enter(this.#owners.keys())
    watchEnds(queryRunner, {
      hasNone: () => this.#flows.takeFailure(),
      rollbackFailed: (error) => this.#rollbackFailed(queryRunner, error),
      release: this.#isFile ? undefined : () => this.#beforeRelease(queryRunner),
    })
    const turns = this.#anyTurns()
    if (turns !== undefined) await this.#beginTurn(queryRunner, turns, leave)
    this.#leave.set(queryRunner, leave)
    if (isContained) this.#contained.add(queryRunner)
  }

  /**
   * On SQLite all transactions of a data source share the runner, and one that `dataSource.transaction()` begins beside
   * another one would be rolled back with it. Its asynchronous context tells it apart, which is known only for such transactions.
   */
  #isNested(runner: QueryRunner, isContained: boolean): boolean {
    if (depthOf(runner) === 0) return false
    const isTold = this.#isFile && isContained && this.#contained.has(runner)
    return !isTold || [...this.#owners.keys()].some(isInFlowOf)
  }

  async #beginTurn(runner: QueryRunner, turns: Turns, leave: () => void): Promise<void> {
    try {
      await this.#turns.begin(runner, turns)
    } catch (error) {
      leave()
      this.#flows.fail()
      throw error
    }
    // All transactions of a SQLite data source share the runner: the one before has just ended.
    Object.assign(runner, { isTransactionActive: true })
  }

  async beforeTransactionCommit({ queryRunner }: TransactionEvent): Promise<void> {
    await this.#open.get(queryRunner)?.beforeCommit()
  }

  async afterTransactionCommit({ queryRunner }: TransactionEvent): Promise<void> {
    await this.#ended(queryRunner)?.afterCommit()
  }

  async beforeTransactionRollback({ queryRunner }: TransactionEvent): Promise<void> {
    this.#rollingBack.add(queryRunner)
    await this.#open.get(queryRunner)?.beforeRollback()
  }

  async afterTransactionRollback({ queryRunner }: TransactionEvent): Promise<void> {
    this.#rollingBack.delete(queryRunner)
    await this.#ended(queryRunner)?.afterRollback()
  }

  async beforeQuery({ queryRunner, query }: BeforeQueryEvent): Promise<void> {
    this.#refuseEnd(queryRunner, query)
    const write = this.#anyTurns()?.write
    // A transaction that only reads waits for no writer.
    if (write !== undefined && !READS.test(query)) await this.#turns.take(queryRunner, write)
  }

  #refuseEnd(queryRunner: QueryRunner, query: string): void {
    const transaction = this.#open.get(queryRunner)
    if (transaction?.isOpen !== true || this.#isTypeOrms(query, queryRunner)) return
    const word = endOf(query, this.#dialect.family === 'mysql')
    if (word === undefined) return
    const message =
      `${word} would end a transaction that writes of a storage are part of, and the storage would not know: ` +
      'end it by commitTransaction() or rollbackTransaction()'
    throw new StorageError('E_UNSUPPORTED', message)
  }

  afterQuery({ queryRunner, query, success, error, rawResults }: AfterQueryEvent): void {
    if (!success && query.startsWith('BEGIN')) this.#turns.give(queryRunner)
    const transaction = this.#open.get(queryRunner)
    if (query !== 'COMMIT' || transaction?.isCommitting !== true) return
    // PostgreSQL commits nothing, and says so, where a statement has failed.
    const command: unknown = (rawResults as { readonly command?: unknown } | undefined)?.command
    if (!success) transaction.fail(commitError(error))
    else if (command === 'ROLLBACK') transaction.fail(rolledBack())
  }

  /** What TypeORM sends when its own functions end a transaction, which its events tell of. */
  #isTypeOrms(query: string, runner: QueryRunner): boolean {
    return this.#rollingBack.has(runner) && /^ROLLBACK( TO SAVEPOINT typeorm_[0-9]+)?$/.test(query)
  }

  #ended(runner: QueryRunner): OpenTransaction | undefined {
    const transaction = this.#open.get(runner)
    if (depthOf(runner) > 0) return transaction
    this.#forget(runner)
    return transaction
  }

  #forget(runner: QueryRunner): void {
    this.#open.delete(runner)
    this.#leave.get(runner)?.()
    this.#leave.delete(runner)
    this.#contained.delete(runner)
    this.#turns.give(runner)
  }

  /**
   * TypeORM continues as if the transaction were open. Its connection is closed, so that the database rolls back what it
   * has not, and that nobody else gets into the transaction.
   */
  async #rollbackFailed(runner: QueryRunner, cause: unknown): Promise<void> {
    const transaction = this.#open.get(runner)
    if (this.#isFile) {
      // SQLite has often rolled back by itself before.
      await runner.query('ROLLBACK').catch(() => undefined)
      setDepth(runner, 0)
    } else await this.#discard(runner)
    this.#rollingBack.delete(runner)
    this.#forget(runner)
    await transaction?.end(transaction.failure ?? toStorageError(cause))
  }

  /** The next user of a connection that comes back with an open transaction would be in it. */
  async #beforeRelease(runner: QueryRunner): Promise<void> {
    const transaction = this.#open.get(runner)
    this.#forget(runner)
    if (transaction === undefined) return
    await this.#discard(runner)
    await transaction.end(transaction.failure ?? closedConnection())
  }

  async #discard(runner: QueryRunner): Promise<void> {
    // A connection that never came cannot be closed.
    if (!runner.isReleased) await this.#dialect.discard(runner).catch(() => undefined)
  }

  /** All transactions of the data source share a connection. */
  get #isFile(): boolean {
    return this.#dialect.family === 'sqlite'
  }

  #anyTurns(): Turns | undefined {
    return [...this.#owners.values()].find((turns) => turns !== undefined)
  }
}

function wouldWait(): StorageError {
  const message =
    'A transaction of a storage on this SQLite file is open here, and another one would wait for it: use the manager of ' +
    'the one that is open (managerOf)'
  return new StorageError('E_UNSUPPORTED', message)
}

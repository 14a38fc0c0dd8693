import { isInFlowOf, StorageError } from '@larder/storage-core'
import type {
  AfterQueryEvent,
  BeforeQueryEvent,
  DataSource,
  EntitySubscriberInterface,
  QueryRunner,
} from 'typeorm'
import { familyOf } from '../entities/family.js'
import { commitError, rolledBack } from '../sql-errors.js'
import { endOf } from './guard.js'
import type { OpenTransaction } from './open-transaction.js'
import { ProgramFlows } from './program-flows.js'

const READS = /^\s*(SELECT|PRAGMA|EXPLAIN|BEGIN|SAVEPOINT|RELEASE|COMMIT|ROLLBACK)\b/i

interface TransactionEvent {
  readonly queryRunner: QueryRunner
}

interface Depth {
  readonly transactionDepth: number
}

/** Waits for others, and returns what lets the next one. */
export type Turn = () => Promise<() => void>

/** What a transaction on SQLite must wait for. */
export interface Turns {
  /** Until nobody has a transaction on its connection. */
  readonly start: Turn
  /** Until nobody else writes to the file; undefined where `start` is the same. */
  readonly write: Turn | undefined
}

/** What a transaction waits for, or has. */
type HeldTurns = Map<Turn, Promise<() => void>>

/** Hears how TypeORM begins and ends transactions of a data source, and lets those that are joined take part in it. */
export class TransactionEvents implements EntitySubscriberInterface {
  readonly #dataSource: DataSource
  readonly #open = new WeakMap<QueryRunner, OpenTransaction>()
  readonly #own = new WeakSet<QueryRunner>()
  readonly #rollingBack = new WeakSet<QueryRunner>()
  readonly #turns = new WeakMap<QueryRunner, HeldTurns>()
  readonly #owners = new Map<object, Turns | undefined>()
  readonly #flows: ProgramFlows
  readonly #isMysql: boolean

  constructor(dataSource: DataSource) {
    this.#dataSource = dataSource
    this.#isMysql = familyOf(dataSource.options.type) === 'mysql'
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

  of(runner: QueryRunner): OpenTransaction | undefined {
    const found = this.#open.get(runner)
    return found?.isOpen === true ? found : undefined
  }

  async beforeTransactionStart({ queryRunner }: TransactionEvent): Promise<void> {
    if (this.#own.has(queryRunner) || depthOf(queryRunner) > 0) return
    const owners = [...this.#owners]
    for (const [owner, turns] of owners) if (turns !== undefined && isInFlowOf(owner)) throw wouldWait()
    this.#flows.enter(
      owners.map(([owner]) => owner),
      queryRunner,
    )
    const turns = this.#anyTurns()
    if (turns === undefined) return
    const end = await turns.start()
    this.#turns.set(queryRunner, new Map([[turns.start, Promise.resolve(end)]]))
    // All transactions of a SQLite data source share the runner: the one before has just ended.
    Object.assign(queryRunner, { isTransactionActive: true })
  }

  async beforeTransactionCommit({ queryRunner }: TransactionEvent): Promise<void> {
    await this.#open.get(queryRunner)?.beforeCommit()
  }

  async afterTransactionCommit({ queryRunner }: TransactionEvent): Promise<void> {
    await this.#ended(queryRunner)?.afterCommit()
  }

  beforeTransactionRollback({ queryRunner }: TransactionEvent): void {
    this.#rollingBack.add(queryRunner)
  }

  async afterTransactionRollback({ queryRunner }: TransactionEvent): Promise<void> {
    this.#rollingBack.delete(queryRunner)
    await this.#ended(queryRunner)?.afterRollback()
  }

  async beforeQuery({ queryRunner, query }: BeforeQueryEvent): Promise<void> {
    this.#refuseEnd(queryRunner, query)
    const held = this.#turns.get(queryRunner)
    const write = this.#anyTurns()?.write
    // A transaction that only reads waits for no writer.
    if (held === undefined || write === undefined || READS.test(query)) return
    await this.#take(queryRunner, held, write)
  }

  #refuseEnd(queryRunner: QueryRunner, query: string): void {
    const transaction = this.#open.get(queryRunner)
    if (transaction?.isOpen !== true || this.#isTypeOrms(query, queryRunner)) return
    const word = endOf(query, this.#isMysql)
    if (word === undefined) return
    const message =
      `${word} would end a transaction that writes of a storage are part of, and the storage would not know: ` +
      'end it by commitTransaction() or rollbackTransaction()'
    throw new StorageError('E_UNSUPPORTED', message)
  }

  afterQuery({ queryRunner, query, success, error, rawResults }: AfterQueryEvent): void {
    if (!success && query.startsWith('BEGIN')) this.#giveTurn(queryRunner)
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
    this.#open.delete(runner)
    this.#flows.leave(runner)
    this.#giveTurn(runner)
    return transaction
  }

  /** Statements that come at once wait for one turn: a second one would wait for the transaction itself. */
  async #take(runner: QueryRunner, held: HeldTurns, turn: Turn): Promise<void> {
    const taking = held.get(turn) ?? turn()
    held.set(turn, taking)
    try {
      await taking
    } catch (error) {
      held.delete(turn)
      throw error
    }
    if (this.#turns.get(runner) !== held) throw new StorageError('E_CLOSED', 'The transaction has ended')
  }

  /** Also turns that are granted later, after the transaction that asked for them has ended. */
  #giveTurn(runner: QueryRunner): void {
    for (const taking of this.#turns.get(runner)?.values() ?? []) {
      taking.then(
        (end) => end(),
        () => undefined,
      )
    }
    this.#turns.delete(runner)
  }

  #anyTurns(): Turns | undefined {
    return [...this.#owners.values()].find((turns) => turns !== undefined)
  }
}

function depthOf(runner: QueryRunner): number {
  return (runner as unknown as Depth).transactionDepth
}

function wouldWait(): StorageError {
  const message =
    'A transaction of a storage on this SQLite file is open here, and another one would wait for it: use the manager of ' +
    'the one that is open (managerOf)'
  return new StorageError('E_UNSUPPORTED', message)
}

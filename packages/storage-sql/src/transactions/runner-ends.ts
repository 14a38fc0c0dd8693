import { type QueryRunner, TransactionNotStartedError } from 'typeorm'

/** What TypeORM keeps to itself. */
interface Depth {
  readonly transactionDepth: number
}

/** How many transactions are open in each other. */
export function depthOf(runner: QueryRunner): number {
  return (runner as unknown as Depth).transactionDepth
}

export function setDepth(runner: QueryRunner, transactionDepth: number): void {
  Object.assign(runner, { transactionDepth, isTransactionActive: transactionDepth > 0 })
}

/**
 * One that could not begin on a runner that others share makes TypeORM take their open transaction for ended; this keeps
 * it active.
 */
function keepActive(runner: QueryRunner): void {
  let isActive = runner.isTransactionActive
  Object.defineProperty(runner, 'isTransactionActive', {
    get: () => isActive || depthOf(runner) > 0,
    set: (value: boolean) => {
      isActive = value
    },
  })
}

/** Ends of a transaction for which TypeORM has no event. */
export interface UntoldEnds {
  /** Whether who asks for a rollback has none: its transaction could not begin. */
  hasNone(): boolean
  /** A rollback was asked for and has failed. */
  rollbackFailed(error: unknown): Promise<void>
  /** Runs before the connection is given back. Undefined where all transactions share one. */
  readonly release: (() => Promise<void>) | undefined
}

const watched = new WeakSet<QueryRunner>()

/** Calls `ends` for all transactions of the runner. */
export function watchEnds(runner: QueryRunner, ends: UntoldEnds): void {
  if (watched.has(runner)) return
  watched.add(runner)
  const rollback = runner.rollbackTransaction.bind(runner)
  const release = runner.release.bind(runner)
  const rollbackTransaction = async (): Promise<void> => {
    if (ends.hasNone()) throw new TransactionNotStartedError()
    try {
      await rollback()
    } catch (error) {
      // Where none is active there was nothing to roll back.
      if (runner.isTransactionActive) await ends.rollbackFailed(error)
      throw error
    }
  }
  Object.assign(runner, { rollbackTransaction })
  if (ends.release === undefined) {
    keepActive(runner)
    return
  }
  const before = ends.release
  const releaseConnection = async (): Promise<void> => {
    await before()
    await release()
  }
  Object.assign(runner, { release: releaseConnection })
}

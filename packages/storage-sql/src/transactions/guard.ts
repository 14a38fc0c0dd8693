import { OutcomeUnknownError } from '@larder/storage-core'
import type { QueryRunner } from 'typeorm'
import { toStorageError } from '../sql-errors.js'
import { driverErrorOf } from '../sql-faults.js'

const NAME = 'larder_guard'

// A savepoint that is not there: PostgreSQL 3B001 and 25P01 (no transaction at all), MySQL 1305.
const GONE = new Set<unknown>(['3B001', '25P01', 1305])

/**
 * A savepoint that stands as long as the transaction does. That it is gone tells that the transaction was ended past
 * TypeORM, whose events say nothing of it.
 */
export class Guard {
  readonly #runner: QueryRunner
  readonly #depth: () => number
  #setAt: number | undefined

  constructor(runner: QueryRunner, depth: () => number) {
    this.#runner = runner
    this.#depth = depth
  }

  async set(): Promise<void> {
    if (this.#setAt !== undefined) return
    this.#setAt = this.#depth()
    await this.#runner.query(`SAVEPOINT ${NAME}`)
  }

  /** Before the commit of the whole, or of the nested transaction in which it was set. */
  async check(): Promise<void> {
    if (this.#setAt === undefined || this.#setAt < this.#depth()) return
    this.#setAt = undefined
    try {
      await this.#runner.query(`RELEASE SAVEPOINT ${NAME}`)
    } catch (error) {
      throw isGone(error) ? endedBehind(error) : toStorageError(error)
    }
  }

  /** After a nested transaction has ended, which takes the savepoints with it that were set in it. */
  async renew(): Promise<void> {
    if (this.#setAt !== undefined && this.#setAt > this.#depth()) this.#setAt = undefined
    await this.set()
  }
}

function isGone(error: unknown): boolean {
  const found = driverErrorOf(error)
  return GONE.has(found?.code) || GONE.has(found?.errno) || /no such savepoint/i.test(found?.message ?? '')
}

function endedBehind(cause: unknown): OutcomeUnknownError {
  const message =
    'The transaction was ended past TypeORM, by a COMMIT or ROLLBACK of its own or a statement that commits: ' +
    'whether its writes are committed is unknown'
  return new OutcomeUnknownError(message, { cause })
}

// At the beginning of a text or behind a semicolon; what is quoted has been taken out.
const ENDS = /(?:^|;)\s*(COMMIT|END|ROLLBACK|ABORT|BEGIN|START\s+TRANSACTION|PREPARE\s+TRANSACTION)\b/i
const ENDS_ON_MYSQL =
  /(?:^|;)\s*(ALTER|CREATE(?!\s+TEMPORARY)|DROP(?!\s+TEMPORARY)|RENAME|TRUNCATE|LOCK\s+TABLES|SET\s+(?:SESSION\s+)?@*autocommit)\b/i
const QUOTED = /'(?:[^'\\]|\\.|'')*'|"[^"]*"|`[^`]*`|--[^\n]*|\/\*[\s\S]*?\*\//g

// PostgreSQL's: the body of a DO block or a function has statements of its own, and cannot end the transaction.
const DOLLAR_QUOTED = /\$(\w*)\$[\s\S]*?\$\1\$/g

/** The word with which a text of SQL ends or cuts back the transaction it is sent in; undefined where it does not. */
export function endOf(sql: string, isMysql: boolean): string | undefined {
  const unquoted = isMysql ? sql : sql.replace(DOLLAR_QUOTED, ' ')
  const bare = unquoted.replace(QUOTED, ' ')
  return ENDS.exec(bare)?.[1] ?? (isMysql ? ENDS_ON_MYSQL.exec(bare)?.[1] : undefined)
}

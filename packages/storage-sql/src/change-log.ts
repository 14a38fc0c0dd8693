import { isStorageError, StorageError } from '@larder/storage-core'
import { throwIfAborted } from '@larder/storage-core/driver'
import type { Connection, ConnectionSource } from './connections/index.js'
import { joinSql, numberOf, type Row, type Statement, statement } from './dialects/index.js'

/** How long a process may take for the changes that it has claimed, in milliseconds; then others may claim them. */
const CLAIM_MS = 30_000
// SQLite allows a condition to be 1,000 deep.
const KEYS_IN_A_STATEMENT = 100

/** What a trigger saw: the resource `member` of the collection `subject`, or the table `subject` where it is empty. */
export interface Change {
  readonly subject: string
  readonly member: string
  /** The resource came into its collection or went. */
  readonly listed: boolean
}

export interface ChangeRequest {
  readonly of: 'resources' | 'tables'
  /** Only these collections or tables. */
  readonly subjects?: readonly string[] | undefined
  /** How many rows at most; several of them may be about the same change. */
  readonly limit: number
}

interface ChangeRow extends Change {
  readonly origin: string
  readonly touched: number
}

interface Claim {
  readonly rows: readonly ChangeRow[]
  readonly untilMs: number
  /** How many rows were found, those included that say the same. */
  readonly found: number
}

const NOTHING: Claim = Object.freeze({ rows: [], untilMs: 0, found: 0 })

/**
 * The changes that triggers saw. Rows are written in the transactions that made the changes, so nothing here
 * waits for a row that is locked: it is passed over, and found once that transaction has ended.
 */
export class ChangeLog {
  readonly #source: ConnectionSource
  readonly #table: string

  constructor(source: ConnectionSource, table: string) {
    this.#source = source
    this.#table = table
  }

  /** Rejects with `E_STORAGE_UNAVAILABLE` where the table is not there. */
  async check(): Promise<void> {
    const look = statement(`SELECT subject, member, origin, touched, listed FROM ${this.#table} WHERE 1 = 0`)
    try {
      await this.#source.read((connection) => connection.run(look), undefined)
    } catch (cause) {
      if (!isStorageError(cause, 'E_SERVER')) throw cause
      const message = 'The table of changes is missing or of another version: call watchTables() first'
      throw new StorageError('E_STORAGE_UNAVAILABLE', message, { cause })
    }
  }

  /**
   * Hands over changes that are committed, each once, and drops those that `work` resolves to, unless the same was
   * changed again meanwhile. Resolves to how many rows there were. Should `work` reject, nothing is dropped.
   */
  async handle(
    request: ChangeRequest,
    work: (changes: readonly Change[]) => Promise<readonly Change[]>,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    const claim = await this.#source.writeTwice((connection) => this.#claim(connection, request), signal)
    if (claim.rows.length === 0) return 0
    let done: ReadonlySet<Change> = new Set()
    try {
      done = new Set(await work(claim.rows))
      return claim.found
    } finally {
      for (const some of inParts(claim.rows)) {
        // What is not dropped is handed out again once the claim is over.
        await this.#source
          .writeTwice((connection) => this.#end(connection, claim.untilMs, some, done), undefined)
          .catch(() => undefined)
      }
    }
  }

  /** Drops records that are older, also those that a subscriber waits for. Resolves to their number. */
  async drop(olderThanMs: number, signal: AbortSignal | undefined): Promise<number> {
    for (let dropped = 0; ;) {
      throwIfAborted(signal)
      const some = await this.#source.writeTwice((each) => this.#dropSome(each, olderThanMs), signal)
      dropped += some
      if (some < KEYS_IN_A_STATEMENT) return dropped
    }
  }

  async #dropSome(connection: Connection, olderThanMs: number): Promise<number> {
    const select = statement(
      `SELECT subject, member, origin, touched, listed FROM ${this.#table} ` +
        `WHERE created_ms < ${connection.dialect.nowMs} - ? LIMIT ${KEYS_IN_A_STATEMENT} ${skipLocked(connection)}`,
      Math.ceil(olderThanMs),
    )
    return transacted(connection, select, async (rows) => {
      if (rows.length > 0)
        await this.#delete(
          connection,
          rows.map((row) => changeRow(connection, row)),
        )
      return rows.length
    })
  }

  async #claim(connection: Connection, { of, subjects, limit }: ChangeRequest): Promise<Claim> {
    const { dialect } = connection
    const { nowMs } = dialect
    const select = joinSql([
      statement(
        `SELECT subject, member, origin, touched, listed, ${nowMs} AS now_ms FROM ${this.#table} ` +
          // A claim that reaches further is of a time before the clock was set back.
          `WHERE (claimed_until_ms <= ${nowMs} OR claimed_until_ms > ${nowMs} + ${CLAIM_MS}) AND member ${of === 'tables' ? '=' : '<>'} ''`,
      ),
      ...(subjects === undefined ? [] : [statement('AND'), dialect.anyOf('subject', subjects)]),
      // Those that were never tried come first: many that cannot be settled must not keep others from it.
      statement(`ORDER BY claimed_until_ms, created_ms LIMIT ${limit} ${skipLocked(connection)}`),
    ])
    return transacted(connection, select, async (rows) => {
      if (rows.length === 0) return NOTHING
      const found = rows.map((row) => changeRow(connection, row))
      const untilMs = numberOf(rows[0]?.['now_ms']) + CLAIM_MS
      const kept = [...onePerChange(found).values()]
      for (const some of inParts(kept)) {
        const claim = statement(`UPDATE ${this.#table} SET claimed_until_ms = ?`, untilMs)
        await connection.run(joinSql([claim, where(some)]))
      }
      // The row that is kept stands for them: nothing was done yet about any.
      const others = found.filter((row) => !kept.includes(row))
      for (const some of inParts(others)) await this.#delete(connection, some)
      const listed = kept.filter((row) => others.some((other) => other.listed && isSame(row, other)))
      for (const some of inParts(listed)) {
        await connection.run(joinSql([statement(`UPDATE ${this.#table} SET listed = 1`), where(some)]))
      }
      return {
        rows: kept.map((row) => (listed.includes(row) ? { ...row, listed: true } : row)),
        untilMs,
        found: found.length,
      }
    })
  }

  /** Drops what is done and has not been touched since, and lets others have the rest. */
  async #end(
    connection: Connection,
    untilMs: number,
    rows: readonly ChangeRow[],
    done: ReadonlySet<Change>,
  ): Promise<void> {
    const select = joinSql([
      statement(`SELECT subject, member, origin, touched, listed FROM ${this.#table}`),
      where(rows),
      // Another may have the row by now, or it may be gone and have come again.
      statement(`AND claimed_until_ms = ? ${skipLocked(connection)}`, untilMs),
    ])
    await transacted(connection, select, async (found) => {
      const mine = found.map((row) => changeRow(connection, row))
      const isDone = (row: ChangeRow) =>
        rows.some(
          (had) =>
            done.has(had) && isSame(had, row) && had.origin === row.origin && had.touched === row.touched,
        )
      const over = mine.filter(isDone)
      const left = mine.filter((row) => !isDone(row))
      if (over.length > 0) await this.#delete(connection, over)
      if (left.length > 0) {
        const release = statement(`UPDATE ${this.#table} SET claimed_until_ms = ${connection.dialect.nowMs}`)
        await connection.run(joinSql([release, where(left)]))
      }
    })
  }

  async #delete(connection: Connection, rows: readonly ChangeRow[]): Promise<void> {
    await connection.run(joinSql([statement(`DELETE FROM ${this.#table}`), where(rows)]))
  }
}

async function transacted<T>(
  connection: Connection,
  select: Statement,
  work: (rows: readonly Row[]) => Promise<T>,
): Promise<T> {
  try {
    const [outcome] = await connection.begin(select)
    const result = await work(outcome?.rows ?? [])
    await connection.commit()
    return result
  } catch (error) {
    await connection.rollback()
    throw error
  }
}

function skipLocked({ dialect: { forUpdate } }: Connection): string {
  return forUpdate === '' ? '' : `${forUpdate} SKIP LOCKED`
}

function changeRow({ dialect }: Connection, row: Row): ChangeRow {
  return {
    subject: dialect.name(row['subject']),
    member: dialect.name(row['member']),
    origin: dialect.name(row['origin']),
    touched: numberOf(row['touched']),
    listed: numberOf(row['listed']) === 1,
  }
}

function onePerChange(rows: readonly ChangeRow[]): Map<string, ChangeRow> {
  return new Map(rows.map((row) => [JSON.stringify([row.subject, row.member]), row]))
}

function isSame(one: Change, other: Change): boolean {
  return one.subject === other.subject && one.member === other.member
}

function where(rows: readonly ChangeRow[]): Statement {
  const keys = rows.map(({ subject, member, origin }) =>
    statement('subject = ? AND member = ? AND origin = ?', subject, member, origin),
  )
  const either = joinSql(keys, ') OR (')
  return { sql: `WHERE ((${either.sql}))`, values: either.values }
}

function inParts<T>(all: readonly T[]): T[][] {
  const parts: T[][] = []
  for (let start = 0; start < all.length; start += KEYS_IN_A_STATEMENT) {
    parts.push(all.slice(start, start + KEYS_IN_A_STATEMENT))
  }
  return parts
}

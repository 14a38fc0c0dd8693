import type { JournalRow, PendingWrite, UnsettledRequest } from '@larder/storage-core'
import type { Connection } from './connections/connection.js'
import type { ConnectionSource } from './connections/source.js'
import {
  asciiJson,
  numberOf,
  type Outcome,
  type Row,
  type Statement,
  statement,
} from './dialects/statement.js'
import type { TablePaths } from './tables.js'

const IDS_IN_A_STATEMENT = 1_000
/** How long a relay may take for the rows it has at hand, in milliseconds; then others may have them. */
const CLAIM_MS = 30_000

/** The rows that name the cache keys of writes whose caches are not known to be right yet. */
export class Journal {
  readonly #source: ConnectionSource
  readonly #table: string

  constructor(source: ConnectionSource, tables: TablePaths) {
    this.#source = source
    this.#table = tables.journal
  }

  insert({ info, version }: PendingWrite, keys: readonly string[]): Statement {
    const { nowMs, returningId } = this.#source.dialect
    return statement(
      `INSERT INTO ${this.#table} (collection, resource, version, cache_keys, created_ms) ` +
        `VALUES (?, ?, ?, ?, ${nowMs}) ${returningId}`,
      info.collection,
      info.resource ?? null,
      version,
      asciiJson(keys),
    )
  }

  /** The id that `insert` gave. */
  idOf({ rows, insertId }: Outcome): string {
    return String(numberOf(rows[0]?.['id'] ?? insertId))
  }

  /**
   * Hands over rows that are due, and drops those of which `work` resolves to the id. A row is claimed meanwhile, for
   * so long that a relay which died does not keep it for ever; no transaction is open while `work` runs.
   */
  async unsettled(
    request: UnsettledRequest,
    work: (rows: readonly JournalRow[]) => Promise<readonly string[]>,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    const rows = await this.#source.write((connection) => this.#claim(connection, request), signal)
    if (rows.length === 0) return 0
    const left = new Set(rows.map(({ id }) => id))
    try {
      const settled = (await work(rows)).filter((id) => left.has(id))
      await this.settle(settled)
      for (const id of settled) left.delete(id)
      return rows.length
    } finally {
      const sql = `UPDATE ${this.#table} SET claimed_until_ms = 0 WHERE id IN`
      await this.#forEach(sql, [...left].map(numberOf)).catch(() => undefined)
    }
  }

  async #claim(
    connection: Connection,
    { olderThanMs, keyPrefix, limit }: UnsettledRequest,
  ): Promise<readonly JournalRow[]> {
    const { nowMs, forUpdate } = connection.dialect
    const skipLocked = forUpdate === '' ? '' : `${forUpdate} SKIP LOCKED`
    const select =
      `SELECT id, version, cache_keys FROM ${this.#table} WHERE created_ms <= ${nowMs} - ? ` +
      `AND claimed_until_ms <= ${nowMs} AND cache_keys LIKE ? ESCAPE '!' ORDER BY id LIMIT ${limit} ${skipLocked}`
    const begins = `%"${asciiJson(keyPrefix).slice(1, -1).replace(/[!%_]/g, '!$&')}%`
    try {
      const [outcome] = await connection.begin(statement(select, Math.ceil(olderThanMs), begins))
      // LIKE may ignore case.
      const rows = (outcome?.rows ?? []).map(journalRow).filter((row) => names(row, keyPrefix))
      if (rows.length === 0) {
        await connection.rollback()
        return []
      }
      const ids = rows.map(({ id }) => numberOf(id))
      const claim = `UPDATE ${this.#table} SET claimed_until_ms = ${nowMs} + ${CLAIM_MS} WHERE id IN`
      await connection.run(statement(`${claim} (${ids.map(() => '?').join(', ')})`, ...ids))
      await connection.commit()
      return rows
    } catch (error) {
      await connection.rollback()
      throw error
    }
  }

  /** Drops the rows; ids that are gone or are no ids are passed over. */
  async settle(ids: readonly string[]): Promise<void> {
    const numbers = ids.filter((id) => /^[1-9][0-9]{0,15}$/.test(id)).map(numberOf)
    await this.#forEach(`DELETE FROM ${this.#table} WHERE id IN`, numbers)
  }

  async #forEach(sql: string, ids: readonly number[]): Promise<void> {
    for (let start = 0; start < ids.length; start += IDS_IN_A_STATEMENT) {
      const some = ids.slice(start, start + IDS_IN_A_STATEMENT)
      const listed = statement(`${sql} (${some.map(() => '?').join(', ')})`, ...some)
      await this.#source.write((connection) => connection.run(listed), undefined)
    }
  }
}

function journalRow(row: Row): JournalRow {
  const keys = JSON.parse(String(row['cache_keys'])) as string[]
  return { id: String(numberOf(row['id'])), version: numberOf(row['version']), keys }
}

function names({ keys }: JournalRow, prefix: string): boolean {
  return keys.some((key) => key.startsWith(prefix))
}

import type { PendingWrite } from '@larder/storage-core'
import type { ConnectionSource } from './connections/source.js'
import { asciiJson, numberOf, type Outcome, type Statement, statement } from './dialects/statement.js'
import type { TablePaths } from './tables.js'

const IDS_IN_A_STATEMENT = 1_000

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

  /** Drops the rows; ids that are gone or are no ids are passed over. */
  async settle(ids: readonly string[]): Promise<void> {
    const numbers = ids.filter((id) => /^[1-9][0-9]{0,15}$/.test(id)).map(numberOf)
    for (let start = 0; start < numbers.length; start += IDS_IN_A_STATEMENT) {
      const some = numbers.slice(start, start + IDS_IN_A_STATEMENT)
      const sql = `DELETE FROM ${this.#table} WHERE id IN (${some.map(() => '?').join(', ')})`
      await this.#source.write((connection) => connection.run(statement(sql, ...some)), undefined)
    }
  }
}

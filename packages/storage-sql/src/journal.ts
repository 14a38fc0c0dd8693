import type { JournalRow, PendingWrite, ClaimRequest } from '@larder/storage-core/driver'
import type { Connection, ConnectionSource } from './connections/index.js'
import {
  asciiJson,
  numberOf,
  type Outcome,
  type Row,
  type Statement,
  statement,
  type Value,
} from './dialects/index.js'
import type { TablePaths } from './tables.js'

const IDS_IN_A_STATEMENT = 1_000
/** How long a relay may take for the rows that it has claimed, in milliseconds; then others may claim them. */
const CLAIM_MS = 30_000

/** No writer settles its own row after so long, in milliseconds. */
const ABANDONED_MS = 60_000
const COMPACT_INTERVAL_MS = 10_000
const COMPACTED_AT_ONCE = 10_000

/** Claimed rows, and what marks them as this relay's. */
interface Claim {
  readonly rows: readonly JournalRow[]
  readonly claimedUntilMs: number
}

/** The rows that name the cache keys of writes whose caches are not known to be right yet. */
export class Journal {
  readonly #source: ConnectionSource
  readonly #table: string

  #compactAt = 0

  constructor(source: ConnectionSource, tables: TablePaths) {
    this.#source = source
    this.#table = tables.journal
  }

  /** The statements of a change with its row in the journal, and where among their outcomes the two are. */
  around(
    change: Statement,
    pending: PendingWrite,
    keys: readonly string[] | undefined,
    wasJournaled: boolean,
  ): { readonly statements: readonly Statement[]; readonly changed: number; readonly journaled: number } {
    const first = this.#source.dialect.journaling.before(keys !== undefined, wasJournaled)
    const next = first.length
    if (keys === undefined) return { statements: [...first, change], changed: next, journaled: -1 }
    return {
      statements: [...first, this.#insert(pending, keys), change],
      changed: next + 1,
      journaled: next,
    }
  }

  #insert({ info, version }: PendingWrite, keys: readonly string[]): Statement {
    const { nowMs, returningId, journaling } = this.#source.dialect
    return statement(
      `INSERT INTO ${this.#table} (collection, resource, version, cache_keys, created_ms, claimed_until_ms) ` +
        `VALUES (?, ?, ?, ?, ${nowMs}, ${journaling.claimedUntilMs}) ${returningId}`,
      info.collection,
      info.resource ?? null,
      version,
      asciiJson(keys),
    )
  }

  /** A row that belongs to no resource, in the transaction of the connection. Resolves to its id. */
  async add(connection: Connection, keys: readonly string[]): Promise<string> {
    const { nowMs, returningId } = this.#source.dialect
    const insert = statement(
      `INSERT INTO ${this.#table} (collection, resource, version, cache_keys, created_ms, claimed_until_ms) ` +
        `VALUES ('', NULL, 0, ?, ${nowMs}, 0) ${returningId}`,
      asciiJson(keys),
    )
    return this.idOf(await connection.run(insert))
  }

  /** The id that the row was given. */
  idOf({ rows, insertId }: Outcome): string {
    return String(numberOf(rows[0]?.['id'] ?? insertId))
  }

  /**
   * Hands over rows that are due, and drops those of which `work` resolves to the id. A row is claimed meanwhile, for
   * so long that a relay which died does not keep it for ever; no transaction is open while `work` runs.
   */
  async claim(
    request: ClaimRequest,
    work: (rows: readonly JournalRow[]) => Promise<readonly string[]>,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    const { rows, claimedUntilMs } = await this.#claimUsable(request, signal)
    if (rows.length === 0) return 0
    const left = new Set(rows.map(({ id }) => id))
    try {
      const settled = (await work(rows)).filter((id) => left.has(id))
      await this.acknowledge(settled)
      for (const id of settled) left.delete(id)
      if (settled.length === 0 && rows.length === request.limit) await this.#compact()
      return rows.length
    } finally {
      await this.#release([...left].map(numberOf), claimedUntilMs).catch(() => undefined)
    }
  }

  /**
   * Where many rows wait that cannot be settled, those go that say no more than a newer one: a table that grows with
   * every write grows only with every resource that is written. Not rows that a writer may still settle by itself: the
   * newer one's may have done less than settling the older one takes.
   */
  async #compact(): Promise<void> {
    const now = performance.now()
    if (now < this.#compactAt) return
    this.#compactAt = now + COMPACT_INTERVAL_MS
    const { nowMs } = this.#source.dialect
    const numbered =
      'SELECT id, ROW_NUMBER() OVER (PARTITION BY collection, resource, cache_keys ORDER BY version DESC, id DESC) ' +
      `AS place FROM ${this.#table} WHERE created_ms <= ${nowMs} - ${ABANDONED_MS}`
    // MySQL does not delete by a look at the same table, unless that stands in a look of its own.
    const older = `SELECT id FROM (${numbered}) numbered WHERE place > 1 LIMIT ${COMPACTED_AT_ONCE}`
    const sql = `DELETE FROM ${this.#table} WHERE id IN (SELECT id FROM (${older}) older)`
    for (let more = true; more;) {
      const { affected } = await this.#source.writeTwice(
        (connection) => connection.run(statement(sql)),
        undefined,
      )
      more = affected === COMPACTED_AT_ONCE
    }
  }

  /** Rows behind those that have not been handed out yet, unless another has them by now. */
  #release(ids: readonly number[], claimedUntilMs: number): Promise<void> {
    const { nowMs } = this.#source.dialect
    const sql = `UPDATE ${this.#table} SET claimed_until_ms = ${nowMs} WHERE claimed_until_ms = ? AND id IN`
    return this.#forEach(sql, ids, claimedUntilMs)
  }

  /** What cannot be read as keys stays claimed, so that what comes after it is found. */
  async #claimUsable(request: ClaimRequest, signal: AbortSignal | undefined): Promise<Claim> {
    for (;;) {
      const claim = await this.#source.writeTwice((connection) => this.#claim(connection, request), signal)
      const rows = claim.rows.filter(({ keys }) => keys.some((key) => key.startsWith(request.keyPrefix)))
      if (rows.length > 0 || claim.rows.length === 0) return { ...claim, rows }
    }
  }

  async #claim(connection: Connection, { olderThanMs, keyPrefix, limit }: ClaimRequest): Promise<Claim> {
    const { dialect } = connection
    const { nowMs, forUpdate } = dialect
    const position = dialect.position('cache_keys')
    const skipLocked = forUpdate === '' ? '' : `${forUpdate} SKIP LOCKED`
    const select =
      `SELECT id, version, cache_keys, created_ms, ${nowMs} AS now_ms FROM ${this.#table} ` +
      // What lies ahead of the clock is of a time before it was set back.
      `WHERE (created_ms <= ${nowMs} - ? OR created_ms > ${nowMs}) ` +
      `AND (claimed_until_ms <= ${nowMs} OR claimed_until_ms > ${nowMs} + ${CLAIM_MS}) ` +
      `AND (${position} = 1 OR ${position} > 0) ` +
      // Those that were never tried come first: many that cannot be settled must not keep others from it.
      `ORDER BY claimed_until_ms, id LIMIT ${limit} ${skipLocked}`
    // A quote inside of a key has a backslash before it.
    const begins = asciiJson(keyPrefix).slice(0, -1)
    try {
      const [outcome] = await connection.begin(
        statement(select, Math.ceil(olderThanMs), `[${begins}`, `",${begins}`),
      )
      const found = outcome?.rows ?? []
      if (found.length === 0) {
        await connection.rollback()
        return { rows: [], claimedUntilMs: 0 }
      }
      const claimedUntilMs = numberOf(found[0]?.['now_ms']) + CLAIM_MS
      const ids = found.map((row) => numberOf(row['id']))
      const claim = `UPDATE ${this.#table} SET claimed_until_ms = ? WHERE id IN`
      await connection.run(statement(`${claim} (${ids.map(() => '?').join(', ')})`, claimedUntilMs, ...ids))
      await connection.commit()
      return { rows: found.map(journalRow), claimedUntilMs }
    } catch (error) {
      await connection.rollback()
      throw error
    }
  }

  /** Drops the rows; ids that are gone or are no ids are passed over. */
  async acknowledge(ids: readonly string[]): Promise<void> {
    const numbers = ids.filter((id) => /^[1-9][0-9]{0,15}$/.test(id)).map(numberOf)
    await this.#forEach(`DELETE FROM ${this.#table} WHERE id IN`, numbers)
  }

  async #forEach(sql: string, ids: readonly number[], ...values: readonly Value[]): Promise<void> {
    for (let start = 0; start < ids.length; start += IDS_IN_A_STATEMENT) {
      const some = ids.slice(start, start + IDS_IN_A_STATEMENT)
      const listed = statement(`${sql} (${some.map(() => '?').join(', ')})`, ...values, ...some)
      await this.#source.writeTwice((connection) => connection.run(listed), undefined)
    }
  }
}

function journalRow(row: Row): JournalRow {
  const keys = keysOf(String(row['cache_keys']))
  const waitedMs = numberOf(row['now_ms']) - numberOf(row['created_ms'])
  return { id: String(numberOf(row['id'])), version: numberOf(row['version']), keys, waitedMs }
}

/** None where it is not what `insert` writes. */
function keysOf(json: string): string[] {
  try {
    const keys: unknown = JSON.parse(json)
    return Array.isArray(keys) ? keys.filter((key) => typeof key === 'string') : []
  } catch {
    return []
  }
}

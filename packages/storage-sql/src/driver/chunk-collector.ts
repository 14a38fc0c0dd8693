import type { ConnectionSource } from '../connections/index.js'
import { numberOf, statement } from '../dialects/index.js'
import type { Settings } from '../options.js'
import type { TablePaths } from '../tables.js'

const LONGEST_INTERVAL_MS = 60_000
const BODIES_AT_ONCE = 16
const CHUNKS_AT_ONCE = 64
// A process that dies while it removes a body leaves it to the next after this time.
const REMOVAL_MS = 60_000

/** Removes chunks of replaced contents after `chunkGraceMs`. Writes start it; it has no timer. */
export class ChunkCollector {
  readonly #source: ConnectionSource
  readonly #tables: TablePaths
  readonly #intervalMs: number
  readonly #stop = new AbortController()
  #next = 0
  #running: Promise<void> = Promise.resolve()

  constructor(source: ConnectionSource, tables: TablePaths, { chunkGraceMs }: Settings) {
    this.#source = source
    this.#tables = tables
    this.#intervalMs = Math.min(chunkGraceMs, LONGEST_INTERVAL_MS)
  }

  /** Called after each write. Starts a collection when the last one was long ago, and does not wait for it. */
  poke(): void {
    const now = performance.now()
    if (now < this.#next || this.#stop.signal.aborted) return
    this.#next = Infinity
    this.#running = this.collect(this.#stop.signal)
      // The next collection, of any process, removes the rest.
      .then(
        () => undefined,
        () => undefined,
      )
      .finally(() => (this.#next = performance.now() + this.#intervalMs))
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  /** Resolves to the number of removed contents. */
  async collect(signal: AbortSignal | undefined): Promise<number> {
    const { dialect } = this.#source
    const expired = statement(
      `SELECT id FROM ${this.#tables.body} WHERE expires_ms < ${dialect.nowMs} ORDER BY expires_ms LIMIT ${BODIES_AT_ONCE}`,
    )
    for (let removed = 0; ;) {
      const { rows } = await this.#source.read((connection) => connection.run(expired), signal)
      for (const row of rows) removed += await this.#remove(numberOf(row['id']), signal)
      if (rows.length < BODIES_AT_ONCE) return removed
    }
  }

  /** Resolves to 0 where another process removes it. */
  async #remove(body: number, signal: AbortSignal | undefined): Promise<0 | 1> {
    const { body: table, chunk } = this.#tables
    const { nowMs } = this.#source.dialect
    const run = (sql: string, ...values: number[]) =>
      this.#source.write((connection) => connection.run(statement(sql, ...values)), signal)
    const claim = `UPDATE ${table} SET doomed = 1, expires_ms = ${nowMs} + ? WHERE id = ? AND expires_ms < ${nowMs}`
    if ((await run(claim, REMOVAL_MS, body)).affected === 0) return 0
    for (let from = 0; ; from += CHUNKS_AT_ONCE) {
      const some = `DELETE FROM ${chunk} WHERE body_id = ? AND seq >= ? AND seq < ?`
      if ((await run(some, body, from, from + CHUNKS_AT_ONCE)).affected < CHUNKS_AT_ONCE) break
    }
    await run(`DELETE FROM ${table} WHERE id = ?`, body)
    return 1
  }
}

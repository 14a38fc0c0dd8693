import { StorageError } from '@larder/storage-core'
import { throwIfAborted } from '@larder/storage-core/driver'
import type { Connection, ConnectionSource } from '../connections/index.js'
import { asBuffer, binaryOf, numberOf, type Statement, statement } from '../dialects/index.js'
import type { Settings } from '../options.js'
import { isOrphan } from '../sql-errors.js'
import type { TablePaths } from '../tables.js'

/** After which part of the longest pause a body that grows is kept again. */
export const KEPT_AFTER = 1 / 4

/** Contents in chunks. A body is complete before a resource's row names it, and is never changed afterwards. */
export class ContentChunks {
  readonly #source: ConnectionSource
  readonly #tables: TablePaths
  readonly #settings: Settings

  constructor(source: ConnectionSource, tables: TablePaths, settings: Settings) {
    this.#source = source
    this.#tables = tables
    this.#settings = settings
  }

  /** Begins a body that expires by itself, should this process die before a resource uses it. */
  async begin(signal: AbortSignal | undefined): Promise<number> {
    const { nowMs, returningId } = this.#source.dialect
    const insert = statement(
      `INSERT INTO ${this.#tables.body} (doomed, expires_ms) VALUES (0, ${nowMs} + ?) ${returningId}`,
      this.#pauseMs(),
    )
    const { rows, insertId } = await this.#source.writeTwice((connection) => connection.run(insert), signal)
    return numberOf(rows[0]?.['id'] ?? insertId)
  }

  /**
   * Adds a chunk; the caller keeps the bytes as they are until this resolves. Rejects with `E_TIMEOUT` if the body has
   * expired.
   */
  async append(body: number, seq: number, data: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    const { chunk } = this.#tables
    const insert = statement(
      // The only writer of the body: what is there already is this very chunk, of which the answer was lost.
      `INSERT INTO ${chunk} (body_id, seq, data) VALUES (?, ?, ?) ${this.#source.dialect.orKeep('seq')}`,
      body,
      seq,
      asBuffer(data),
    )
    try {
      await this.#source.writeTwice((connection) => connection.run(insert), signal)
    } catch (error) {
      throw isOrphan(error) ? expired(this.#settings.streamPauseMs) : error
    }
  }

  /** Puts off the expiry of a body that is being written; rejects with `E_TIMEOUT` if it has come. */
  async keep(body: number, signal: AbortSignal | undefined): Promise<void> {
    const update = this.#expiry(body, this.#pauseMs())
    const { affected } = await this.#source.writeTwice((connection) => connection.run(update), signal)
    if (affected === 0) throw expired(this.#settings.streamPauseMs)
  }

  /** In the transaction that lets a resource use it. */
  async adopt(connection: Connection, body: number): Promise<void> {
    const update = statement(
      `UPDATE ${this.#tables.body} SET expires_ms = NULL WHERE id = ? AND doomed = 0`,
      body,
    )
    const { affected } = await connection.run(update)
    if (affected === 0) throw expired(this.#settings.streamPauseMs)
  }

  /** In the transaction that replaces it: streams under way have a time to end. */
  async abandon(connection: Connection, body: number): Promise<void> {
    await connection.run(this.#expiry(body, this.#settings.chunkGraceMs))
  }

  /** Of a write that failed. Never rejects: what is left expires by itself. */
  async discard(body: number): Promise<void> {
    // Not one that a resource uses by now: a commit without an answer may have happened.
    const expire = statement(
      `UPDATE ${this.#tables.body} SET expires_ms = 0 WHERE id = ? AND expires_ms IS NOT NULL`,
      body,
    )
    await this.#source.writeTwice((connection) => connection.run(expire), undefined).catch(() => undefined)
  }

  /**
   * The chunks of a body in order. Holds no connection between them. Rejects with `E_CONFLICT` where the content was
   * replaced and its time is over.
   */
  async *read(
    body: number,
    size: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Buffer, void, undefined> {
    const { chunk } = this.#tables
    let left = size
    for (let seq = 0; left > 0; seq++) {
      throwIfAborted(signal)
      const select = statement(`SELECT data FROM ${chunk} WHERE body_id = ? AND seq = ?`, body, seq)
      const { rows } = await this.#source.read((connection) => connection.run(select), signal)
      const data = binaryOf(rows[0]?.['data'])
      if (data === undefined) throw replaced()
      left -= data.length
      yield data
    }
    if (left < 0) throw new StorageError('E_CORRUPT', 'The content is longer than its size says')
  }

  /** The pause may begin when the body was kept last some time ago. */
  #pauseMs(): number {
    return Math.ceil(this.#settings.streamPauseMs * (1 + KEPT_AFTER))
  }

  #expiry(body: number, afterMs: number): Statement {
    return statement(
      `UPDATE ${this.#tables.body} SET expires_ms = ${this.#source.dialect.nowMs} + ? WHERE id = ? AND doomed = 0`,
      afterMs,
      body,
    )
  }
}

function replaced(): StorageError {
  return new StorageError('E_CONFLICT', 'The content was replaced while it was read')
}

function expired(afterMs: number): StorageError {
  return new StorageError('E_TIMEOUT', `The stream paused for longer than ${afterMs} ms`)
}

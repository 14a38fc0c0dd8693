import type { ConnectionSource } from '../connections/index.js'
import { type Statement, statement } from '../dialects/index.js'
import type { TablePaths } from '../tables.js'

/**
 * The condition for the rows of a collection. By name in every statement: a remembered id could be another
 * collection's once the database was restored from a backup or emptied.
 */
export function inCollection(tables: TablePaths, name: string): Statement {
  return statement(`container_id = (SELECT id FROM ${tables.container} WHERE name = ?)`, name)
}

/** The rows of collections. Which are there is remembered, since a collection is not removed in the usual course. */
export class Containers {
  readonly #source: ConnectionSource
  readonly #table: string
  readonly #made = new Set<string>()

  constructor(source: ConnectionSource, tables: TablePaths) {
    this.#source = source
    this.#table = tables.container
  }

  async exists(name: string, signal: AbortSignal | undefined): Promise<boolean> {
    const select = statement(`SELECT 1 AS found FROM ${this.#table} WHERE name = ?`, name)
    const { rows } = await this.#source.read((connection) => connection.run(select), signal)
    return rows.length > 0
  }

  /** Makes it where it is missing; any number of processes may do so at once. */
  async make(name: string, signal: AbortSignal | undefined): Promise<void> {
    if (this.#made.has(name)) return
    if (!(await this.exists(name, signal))) {
      const insert = statement(
        `INSERT INTO ${this.#table} (name) VALUES (?) ${this.#source.dialect.orKeep('name')}`,
        name,
      )
      await this.#source.writeTwice((connection) => connection.run(insert), signal)
    }
    this.#made.add(name)
  }

  /** As `make`, where it may be gone although it was made. */
  async makeAgain(name: string, signal: AbortSignal | undefined): Promise<void> {
    this.#made.delete(name)
    await this.make(name, signal)
  }
}

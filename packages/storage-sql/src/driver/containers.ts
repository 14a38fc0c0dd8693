import type { ConnectionSource } from '../connections/source.js'
import { numberOf, statement } from '../dialects/statement.js'
import type { TablePaths } from '../tables.js'

/** The ids of collections. They are remembered, since a collection is never removed. */
export class Containers {
  readonly #source: ConnectionSource
  readonly #table: string
  readonly #ids = new Map<string, number>()

  constructor(source: ConnectionSource, tables: TablePaths) {
    this.#source = source
    this.#table = tables.container
  }

  /** Undefined where the collection has not been made. */
  async find(name: string, signal: AbortSignal | undefined): Promise<number | undefined> {
    const known = this.#ids.get(name)
    if (known !== undefined) return known
    const select = statement(`SELECT id FROM ${this.#table} WHERE name = ?`, name)
    const { rows } = await this.#source.read((connection) => connection.run(select), signal)
    const [row] = rows
    if (row === undefined) return undefined
    const id = numberOf(row['id'])
    this.#ids.set(name, id)
    return id
  }

  /** Makes it where it is missing; any number of processes may do so at once. */
  async make(name: string, signal: AbortSignal | undefined): Promise<number> {
    const found = await this.find(name, signal)
    if (found !== undefined) return found
    const insert = statement(
      `INSERT INTO ${this.#table} (name) VALUES (?) ${this.#source.dialect.orKeep}`,
      name,
    )
    await this.#source.write((connection) => connection.run(insert), signal)
    const made = await this.find(name, signal)
    if (made === undefined) throw new Error(`The collection ${JSON.stringify(name)} vanished as it was made`)
    return made
  }
}

import { StorageError } from '@larder/storage-core'
import type { ConnectionSource } from '../connections/source.js'
import { type Statement, statement } from '../dialects/statement.js'
import type { Family } from '../entities/family.js'
import { watchName, watchPrefix } from '../triggers/trigger.js'

/**
 * Notices that triggers of `watchTables` are gone, although nobody called `unwatchTables`: tools that rebuild a table
 * put one without them in its place. Only triggers that were seen before are missed, since a role may not see any.
 */
export class TriggerCheck {
  readonly #source: ConnectionSource
  readonly #prefix: string
  readonly #subjects: readonly string[] | undefined
  /** What was seen, with the table that it watches. */
  readonly #seen = new Map<string, string>()

  /** `subjects`: only these tables. */
  constructor(source: ConnectionSource, prefix: string, subjects: readonly string[] | undefined) {
    this.#source = source
    this.#prefix = prefix
    this.#subjects = subjects
  }

  /** Resolves to the tables that have lost a trigger. */
  async missing(): Promise<readonly string[]> {
    const found = await this.#look()
    for (const [trigger, table] of found) this.#seen.set(trigger, table)
    const gone = [...this.#seen].flatMap(([trigger, table]) => (found.has(trigger) ? [] : [table]))
    return [...new Set(gone)].sort()
  }

  async #look(): Promise<ReadonlyMap<string, string>> {
    const { dialect } = this.#source
    const select = LOOKS[dialect.family](watchPrefix(this.#prefix))
    const { rows } = await this.#source.read((connection) => connection.run(select), undefined)
    const found = new Map<string, string>()
    for (const row of rows) {
      const [trigger, schema, name] = [row['trigger'], row['schema'], row['name']].map(String)
      if (trigger === undefined || name === undefined) continue
      const table = [name, `${schema}.${name}`].find((each) =>
        trigger.startsWith(watchName(this.#prefix, each)),
      )
      // A tool may have renamed the old table, with its triggers.
      if (table === undefined || this.#subjects?.includes(table) === false) continue
      found.set(trigger, table)
    }
    return found
  }
}

export function triggersGone(tables: readonly string[]): StorageError {
  return new StorageError(
    'E_UNSUPPORTED',
    `The triggers on ${tables.join(', ')} are gone, so that changes are not recorded: call watchTables() again`,
  )
}

const LOOKS: Readonly<Record<Family, (begins: string) => Statement>> = Object.freeze({
  postgres: (begins) =>
    statement(
      'SELECT t.tgname AS trigger, n.nspname AS schema, c.relname AS name FROM pg_trigger t ' +
        'JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace ' +
        "WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND left(t.tgname, length(?)) = ?",
      begins,
      begins,
    ),
  mysql: (begins) =>
    statement(
      'SELECT trigger_name AS `trigger`, event_object_schema AS `schema`, event_object_table AS name ' +
        'FROM information_schema.triggers WHERE LEFT(trigger_name, LENGTH(?)) = ?',
      begins,
      begins,
    ),
  sqlite: (begins) =>
    statement(
      `SELECT name AS "trigger", 'main' AS "schema", tbl_name AS name FROM sqlite_master ` +
        "WHERE type = 'trigger' AND substr(name, 1, length(?)) = ?",
      begins,
      begins,
    ),
})

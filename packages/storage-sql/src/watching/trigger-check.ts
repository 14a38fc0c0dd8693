import { StorageError } from '@larder/storage-core'
import type { ConnectionSource } from '../connections/index.js'
import { numberOf, type Statement, statement } from '../dialects/index.js'
import type { Family } from '../entities/index.js'
import { watchName, watchPrefix } from '../triggers/index.js'

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
    const found = await this.#lookUp()
    for (const [trigger, table] of found) this.#seen.set(trigger, table)
    const gone = [...this.#seen].flatMap(([trigger, table]) => (found.has(trigger) ? [] : [table]))
    return [...new Set(gone)].sort()
  }

  /**
   * After a look: tables that are asked for and that no trigger watches, and watched ones that are not among `known`.
   * MySQL shows a role without rights no triggers at all, which says nothing.
   */
  unknown(known: readonly string[] | undefined): readonly StorageError[] {
    const watched = [...new Set(this.#seen.values())].sort()
    const canTell = watched.length > 0 || this.#source.dialect.family !== 'mysql'
    const unwatched = canTell ? (this.#subjects ?? []).filter((table) => !watched.includes(table)) : []
    const unhandled = known === undefined ? [] : watched.filter((table) => !known.includes(table))
    return [
      ...(unwatched.length === 0
        ? []
        : [unsupported(`No triggers watch ${unwatched.join(', ')}: call watchTables() first`)]),
      ...(unhandled.length === 0
        ? []
        : [
            unsupported(
              `${unhandled.join(', ')} are watched, but the handler does not know them: name them there, or pass tables`,
            ),
          ]),
    ]
  }

  async #lookUp(): Promise<ReadonlyMap<string, string>> {
    const { dialect } = this.#source
    const select = LOOKS[dialect.family](watchPrefix(this.#prefix))
    const { rows } = await this.#source.read((connection) => connection.run(select), undefined)
    const found = new Map<string, string>()
    for (const row of rows) {
      const [trigger, schema, name] = [row['trigger'], row['schema'], row['name']].map(String)
      if (trigger === undefined || name === undefined) continue
      // Another schema or database of the server may have a table, and triggers, of the same name.
      const names = numberOf(row['here']) === 1 ? [name, `${schema}.${name}`] : [`${schema}.${name}`]
      const table = names.find((each) => trigger.startsWith(watchName(this.#prefix, each)))
      // A tool may have renamed the old table, with its triggers.
      if (table === undefined || this.#subjects?.includes(table) === false) continue
      found.set(trigger, table)
    }
    return found
  }
}

export function triggersGone(tables: readonly string[]): StorageError {
  return unsupported(
    `The triggers on ${tables.join(', ')} are gone, so that changes are not recorded: call watchTables() again`,
  )
}

function unsupported(message: string): StorageError {
  return new StorageError('E_UNSUPPORTED', message)
}

const LOOKS: Readonly<Record<Family, (begins: string) => Statement>> = Object.freeze({
  postgres: (begins) =>
    statement(
      'SELECT t.tgname AS trigger, n.nspname AS schema, c.relname AS name, ' +
        'CASE WHEN pg_table_is_visible(c.oid) THEN 1 ELSE 0 END AS here FROM pg_trigger t ' +
        'JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace ' +
        "WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND left(t.tgname, length(?)) = ?",
      begins,
      begins,
    ),
  mysql: (begins) =>
    statement(
      'SELECT trigger_name AS `trigger`, event_object_schema AS `schema`, event_object_table AS name, ' +
        'CASE WHEN event_object_schema = DATABASE() THEN 1 ELSE 0 END AS here ' +
        'FROM information_schema.triggers WHERE LEFT(trigger_name, LENGTH(?)) = ?',
      begins,
      begins,
    ),
  sqlite: (begins) =>
    statement(
      `SELECT name AS "trigger", 'main' AS "schema", tbl_name AS name, 1 AS here FROM sqlite_master ` +
        "WHERE type = 'trigger' AND substr(name, 1, length(?)) = ?",
      begins,
      begins,
    ),
})

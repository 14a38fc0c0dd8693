import type { QueryRunner } from 'typeorm'
import { type Family, familyOf } from '../entities/index.js'
import { createChanges, pathsFor } from '../migrations/index.js'
import type { TablePaths } from '../tables.js'
import {
  resourceName,
  schemaOf,
  type Trigger,
  type TriggerPaths,
  wakeName,
  wakeTriggers,
  watchPrefix,
} from '../triggers/index.js'
import type { OpenDatabase } from './databases.js'
import { underMigrationLock } from './migrate.js'

/** Where triggers are to be, and what they are to write to. */
export interface Place {
  readonly family: Family
  readonly runner: QueryRunner
  readonly prefix: string
  /** With the schema, so that they mean the same in every session in which a trigger fires. */
  readonly tables: TablePaths
  readonly paths: TriggerPaths
}

/** What is there, and what was there in another version of this library. */
export interface Plan {
  readonly triggers: readonly Trigger[]
  /** What the names of these triggers and of their older versions begin with. */
  readonly begins: string
  /** The tables that they are on, as written in SQL. */
  readonly on: readonly string[]
}

/** Lets `work` change the database's triggers while nobody else does. The table that they write to is there. */
export async function withPlace(
  { dataSource, prefix, settings, source }: OpenDatabase,
  work: (place: Place) => Promise<void>,
): Promise<void> {
  const family = familyOf(dataSource.options.type)
  const locked = () =>
    underMigrationLock(dataSource, prefix, settings, async (runner) => {
      const place = await placeOf(runner, family, prefix)
      for (const sql of createChanges(family, place.tables, prefix)) await runner.query(sql)
      await work(place)
    })
  // The connection to a file has one transaction at a time.
  if (family === 'sqlite' && source !== undefined) await source.write(locked, undefined)
  else await locked()
}

/** Makes the triggers that are missing, then drops those of other versions, so that no change is missed between. */
export async function install(place: Place, { triggers, begins, on }: Plan): Promise<void> {
  const found = await installed(place, begins, on)
  for (const { name, create } of triggers) {
    if (found.some((trigger) => trigger.name === name)) continue
    for (const sql of create) await place.runner.query(sql)
  }
  const obsolete = found.filter(({ name }) => !triggers.some((trigger) => trigger.name === name))
  await drop(place, obsolete)
}

/** What wakes those who listen, or its removal. */
export async function installWaking(place: Place, notify: boolean): Promise<void> {
  const { family, paths, prefix } = place
  const triggers = notify ? wakeTriggers(family, paths, prefix) : []
  await install(place, { triggers, begins: wakeName(prefix), on: [paths.change] })
}

/** Removes what wakes those who listen, too, once no trigger is left that records. */
export async function uninstall(place: Place, { begins, on }: Omit<Plan, 'triggers'>): Promise<void> {
  await drop(place, await installed(place, begins, on))
  if (place.family === 'postgres' && !(await records(place))) await installWaking(place, false)
}

async function records({ runner, prefix }: Place): Promise<boolean> {
  const rows = (await runner.query(
    'SELECT 1 FROM pg_trigger WHERE left(tgname, length($1)) = $1 OR left(tgname, length($2)) = $2 LIMIT 1',
    [watchPrefix(prefix), resourceName(prefix)],
  )) as unknown[]
  return rows.length > 0
}

interface Installed {
  readonly name: string
  readonly table: string
}

async function installed(place: Place, begins: string, on: readonly string[]): Promise<Installed[]> {
  const found: Installed[] = []
  for (const table of on) {
    const [sql, values] = LOOK[place.family](place, table)
    const rows = (await place.runner.query(sql, values)) as { readonly name: unknown }[]
    for (const { name } of rows)
      if (String(name).startsWith(begins)) found.push({ name: String(name), table })
  }
  return found
}

type Look = (place: Place, table: string) => readonly [sql: string, values: unknown[]]

const LOOKS: Readonly<Record<Family, Look>> = {
  postgres: (_, table) => [
    'SELECT tgname AS name FROM pg_trigger WHERE tgrelid = to_regclass($1) AND NOT tgisinternal',
    [table],
  ],
  // Names of triggers are a schema's, and tell what table they are on.
  mysql: ({ paths }, table) => [
    'SELECT trigger_name AS name FROM information_schema.triggers WHERE trigger_schema = ?',
    [schemaOf(table, paths.schema).slice(1, -2).replaceAll('``', '`')],
  ],
  sqlite: () => ["SELECT name FROM sqlite_master WHERE type = 'trigger'", []],
}
const LOOK = Object.freeze(LOOKS)

async function drop(place: Place, triggers: readonly Installed[]): Promise<void> {
  const { runner, family, paths } = place
  for (const { name, table } of triggers) {
    if (family === 'postgres') {
      await runner.query(`DROP TRIGGER IF EXISTS ${name} ON ${table}`)
      await runner.query(`DROP FUNCTION IF EXISTS ${paths.schema}${name}()`)
    } else {
      const schema = family === 'mysql' ? schemaOf(table, paths.schema) : ''
      await runner.query(`DROP TRIGGER IF EXISTS ${schema}${name}`)
    }
  }
}

async function placeOf(runner: QueryRunner, family: Family, prefix: string): Promise<Place> {
  const paths = pathsFor(runner.dataSource, prefix)
  const schema = await SCHEMA[family](runner)
  const escaped = schema === undefined ? '' : `${runner.dataSource.driver.escape(schema)}.`
  const tables = Object.fromEntries(
    Object.entries(paths).map(([table, path]) => [table, path.includes('.') ? path : escaped + path]),
  ) as TablePaths
  return { family, runner, prefix, tables, paths: { change: tables.change, schema: escaped } }
}

const SCHEMA: Readonly<Record<Family, (runner: QueryRunner) => Promise<string | undefined>>> = {
  postgres: async (runner) => {
    const { options } = runner.dataSource
    if ('schema' in options && options.schema !== undefined) return options.schema
    const [row] = (await runner.query('SELECT current_schema() AS name')) as [{ name: string }]
    return row.name
  },
  mysql: async (runner) => {
    const [row] = (await runner.query('SELECT DATABASE() AS name')) as [{ name: string }]
    return row.name
  },
  sqlite: async () => undefined,
}

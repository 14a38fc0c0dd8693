import { createHash } from 'node:crypto'
import type { Family } from '../entities/index.js'
import { record, WORDS } from './words.js'

/** A trigger by its name, which contains its version: what is there by that name need not be made. */
export interface Trigger {
  readonly name: string
  /** The table it is on, as written in SQL. */
  readonly table: string
  readonly create: readonly string[]
}

/** Names as they are written in SQL, the schema included. */
export interface TriggerPaths {
  readonly change: string
  /** What the name of a function or trigger begins with, where the database keeps them in a schema. */
  readonly schema: string
}

export type TriggerEvent = 'insert' | 'update' | 'delete'
export const EVENTS = Object.freeze(['insert', 'update', 'delete'] as const)

/** Where triggers on PostgreSQL say that they have recorded something; the table of changes is what they say. */
export const CHANNEL = 'larder_changes'

const WATCH_VERSION = 3

/** What the names of all triggers begin with that watch tables. */
export function watchPrefix(prefix: string): string {
  return `${prefix}w_`
}

/** What the names of all triggers begin with that watch the table of this name. */
export function watchName(prefix: string, table: string): string {
  return `${watchPrefix(prefix)}${createHash('sha256').update(table).digest('hex').slice(0, 10)}_`
}

/** The triggers that record each statement that changes `path`, which everybody knows as `table`. */
export function watchTriggers(
  family: Family,
  { change, schema }: TriggerPaths,
  prefix: string,
  table: string,
  path: string,
): readonly Trigger[] {
  const begins = watchName(prefix, table)
  const about = { subject: WORDS[family].text(table), member: `''`, listed: '0' }
  const body = record(family, change, about)
  if (family === 'postgres') {
    const name = `${begins}${WATCH_VERSION}`
    const fires = `AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON ${path} FOR EACH STATEMENT`
    return [postgresTrigger(schema, { name, table: path, fires, body: [...body, 'RETURN NULL'] })]
  }
  return EVENTS.map((event) => {
    const name = `${begins}${event}_${WATCH_VERSION}`
    const fires = `AFTER ${event.toUpperCase()} ON ${path} FOR EACH ROW`
    const at = family === 'mysql' ? schemaOf(path, schema) + name : name
    return { name, table: path, create: [`CREATE TRIGGER ${at} ${fires} BEGIN ${body.join('; ')}; END`] }
  })
}

/** The schema of a table of MySQL, with its dot: a trigger has to be in the same. */
export function schemaOf(path: string, otherwise: string): string {
  return /^`(?:[^`]|``)*`\.(?=`)/.exec(path)?.[0] ?? otherwise
}

interface PostgresTrigger {
  readonly name: string
  readonly table: string
  readonly fires: string
  readonly isConstraint?: boolean
  readonly declare?: readonly string[]
  readonly body: readonly string[]
}

/** With the rights of the role that installs it: a role that changes the table needs no right to write the record. */
export function postgresTrigger(schema: string, trigger: PostgresTrigger): Trigger {
  const { name, table, fires, isConstraint = false, declare = [], body } = trigger
  const declared = declare.length === 0 ? '' : `DECLARE ${declare.join('; ')}; `
  return {
    name,
    table,
    create: [
      `CREATE OR REPLACE FUNCTION ${schema}${name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER ` +
        `SET search_path = pg_catalog, pg_temp AS $larder$ ${declared}BEGIN ${body.join('; ')}; END $larder$`,
      `CREATE ${isConstraint ? 'CONSTRAINT ' : ''}TRIGGER ${name} ${fires} EXECUTE FUNCTION ${schema}${name}()`,
    ],
  }
}

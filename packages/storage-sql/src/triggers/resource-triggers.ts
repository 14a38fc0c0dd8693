import type { Family, TableName } from '../entities/index.js'
import { type NormalColumn, normalRow } from './normal-row.js'
import { EVENTS, postgresTrigger, type Trigger, type TriggerEvent, type TriggerPaths } from './trigger.js'
import { record, WORDS } from './words.js'

type Tables = Readonly<Record<TableName, string>>

/** Raised whenever what the triggers do changes: those of before are then replaced. */
const VERSION = 5

/** True for statements of a write that the library journals: they are left alone. */
const JOURNALED: Readonly<Record<Family, (tables: Tables, event: TriggerEvent | 'rename') => string>> = {
  postgres: () => `current_setting('larder.journaled', true) = 'on'`,
  mysql: () => '@larder_journaled IS NOT NULL',
  sqlite: (tables, event) => JOURNALED_IN_SQLITE[event](tables),
}

/**
 * The last row of the journal names the version that the row is given, and nothing has had that version before: once
 * a write is committed, its resource has its version or a higher one, and so has the floor where the row has gone.
 */
const JOURNALED_IN_SQLITE: Readonly<Record<TriggerEvent | 'rename', (tables: Tables) => string>> = {
  insert: (tables) =>
    `(NEW.version > COALESCE((SELECT MAX(f.version) FROM ${tables.floor} f), 0) AND ${isLastOfJournal(tables)})`,
  update: (tables) =>
    '(NEW.version > OLD.version AND NEW.name = OLD.name AND NEW.container_id = OLD.container_id ' +
    `AND ${isLastOfJournal(tables)})`,
  // The library does neither.
  delete: () => '(1 = 0)',
  rename: () => '(1 = 0)',
}

function isLastOfJournal({ journal, container }: Tables): string {
  return (
    `EXISTS (SELECT 1 FROM ${journal} j JOIN ${container} c ON c.id = NEW.container_id ` +
    `WHERE j.id = (SELECT MAX(l.id) FROM ${journal} l) AND j.collection = c.name ` +
    'AND j.resource = NEW.name AND j.version = NEW.version)'
  )
}

/** What the names of all of them begin with. */
export function resourceName(prefix: string): string {
  return `${prefix}outside_`
}

/**
 * The triggers on Larder's own tables. They let versions grow where others write, make such rows readable, and record
 * which resources changed, and whether they came into a collection or went.
 */
export function resourceTriggers(
  family: Family,
  tables: Tables,
  { schema }: TriggerPaths,
  prefix: string,
): readonly Trigger[] {
  const name = (event: string) => `${resourceName(prefix)}${event}_${VERSION}`
  const make = (trigger: Body): Trigger => MAKE[family](trigger, tables, schema)
  const parts = { family, tables }
  return [
    ...EVENTS.map((event) =>
      make({
        name: name(event),
        table: tables.resource,
        event,
        kind: event,
        when: '',
        ...rowOf(event, parts),
      }),
    ),
    make({
      name: name('rename'),
      table: tables.container,
      event: 'update',
      kind: 'rename',
      when: WORDS[family].differs('OLD.name', 'NEW.name'),
      columns: [],
      body: renamed(parts),
    }),
    ...(family === 'postgres' ? [truncated(name('truncate'), tables, schema)] : []),
    // A row that is replaced is deleted without its trigger.
    ...(family === 'sqlite' ? [replaced(name('replace'), tables)] : []),
  ]
}

interface Parts {
  readonly family: Family
  readonly tables: Tables
}

interface Body {
  readonly name: string
  readonly table: string
  readonly event: TriggerEvent
  readonly kind: TriggerEvent | 'rename'
  /** Empty for always. */
  readonly when: string
  readonly columns: readonly NormalColumn[]
  readonly body: readonly string[]
}

function rowOf(event: TriggerEvent, parts: Parts): Pick<Body, 'columns' | 'body'> {
  const { family, tables } = parts
  const { differs } = WORDS[family]
  const columns = event === 'delete' ? [] : normalRow(family, event, tables)
  const live = columns.find(({ column }) => column === 'live')?.value ?? ''
  const change = (row: 'NEW' | 'OLD', listed: string, where = '(1 = 1)') =>
    record(family, tables.change, {
      subject: 'c.name',
      member: `${row}.name`,
      listed,
      from: `${tables.container} c WHERE c.id = ${row}.container_id AND ${where}`,
    })
  switch (event) {
    case 'insert':
      return { columns, body: change('NEW', '1') }
    case 'delete':
      return { columns, body: [...change('OLD', 'OLD.live'), raise(tables, 'OLD.version', '(1 = 1)')] }
    case 'update': {
      const moved = `(${differs('NEW.name', 'OLD.name')} OR ${differs('NEW.container_id', 'OLD.container_id')})`
      const listed = `CASE WHEN ${moved} OR OLD.live <> (${live}) THEN 1 ELSE 0 END`
      return {
        columns,
        body: [...change('NEW', listed), ...change('OLD', '1', moved), raise(tables, 'OLD.version', moved)],
      }
    }
  }
}

/** New resources of any collection begin above it. */
function raise({ floor }: Tables, version: string, where: string): string {
  return `UPDATE ${floor} SET version = ${version} WHERE id = 1 AND version < ${version} AND ${where}`
}

/** Every resource of the collection has another address, at which there may have been newer ones before. */
function renamed({ family, tables }: Parts): string[] {
  const { resource, floor } = tables
  const all = (subject: string) =>
    record(family, tables.change, {
      subject,
      member: 'r.name',
      listed: '1',
      from: `${resource} r WHERE r.container_id = NEW.id`,
    })
  const highest = `COALESCE((SELECT MAX(h.version) FROM ${resource} h WHERE h.container_id = NEW.id), 0)`
  const above = `(SELECT f.version + 1 FROM ${floor} f WHERE f.id = 1)`
  const touch = (version: string) => `UPDATE ${resource} SET version = ${version} WHERE container_id = NEW.id`
  return [
    ...all('OLD.name'),
    ...all('NEW.name'),
    raise(tables, highest, '(1 = 1)'),
    // MySQL does not let a trigger change a table that the statement reads.
    ...(family === 'mysql' ? [`SET @larder_above = ${above}`, touch('@larder_above')] : [touch(above)]),
  ]
}

function truncated(name: string, tables: Tables, schema: string): Trigger {
  const body = [
    ...record('postgres', tables.change, {
      subject: 'c.name',
      member: 'r.name',
      listed: '1',
      from: `${tables.resource} r JOIN ${tables.container} c ON c.id = r.container_id`,
    }),
    raise(tables, `COALESCE((SELECT MAX(h.version) FROM ${tables.resource} h), 0)`, '(1 = 1)'),
    'RETURN NULL',
  ]
  const fires = `BEFORE TRUNCATE ON ${tables.resource} FOR EACH STATEMENT`
  return postgresTrigger(schema, { name, table: tables.resource, fires, body })
}

function replaced(name: string, tables: Tables): Trigger {
  const standing =
    `COALESCE((SELECT s.version FROM ${tables.resource} s ` +
    'WHERE s.container_id = NEW.container_id AND s.name = NEW.name), 0)'
  const sql =
    `CREATE TRIGGER ${name} BEFORE INSERT ON ${tables.resource} FOR EACH ROW ` +
    `BEGIN ${raise(tables, standing, '(1 = 1)')}; END`
  return { name, table: tables.resource, create: [sql] }
}

const MAKE: Readonly<Record<Family, (trigger: Body, tables: Tables, schema: string) => Trigger>> = {
  postgres: ({ name, table, event, kind, when, columns, body }, tables, schema) => {
    const journaled = `(${JOURNALED.postgres(tables, kind)}) IS NOT TRUE`
    const condition = when === '' ? journaled : `${journaled} AND ${when}`
    const timing = columns.length > 0 ? 'BEFORE' : 'AFTER'
    return postgresTrigger(schema, {
      name,
      table,
      fires: `${timing} ${event.toUpperCase()} ON ${table} FOR EACH ROW WHEN (${condition})`,
      declare: columns.map(({ column, type, value }) => `n_${column} ${type} := ${value}`),
      body: [
        ...body,
        ...columns.map(({ column }) => `NEW.${column} := n_${column}`),
        event === 'delete' ? 'RETURN OLD' : 'RETURN NEW',
      ],
    })
  },
  mysql: ({ name, table, event, kind, when, columns, body }, tables, schema) => {
    const timing = columns.length > 0 ? 'BEFORE' : 'AFTER'
    const lines = [
      ...columns.map(({ column, type, value }) => `DECLARE n_${column} ${type} DEFAULT ${value}`),
      ...body,
      ...columns.map(({ column }) => `SET NEW.${column} = n_${column}`),
    ]
    const condition = `NOT (${JOURNALED.mysql(tables, kind)})${when === '' ? '' : ` AND ${when}`}`
    const sql =
      `CREATE TRIGGER ${schema}${name} ${timing} ${event.toUpperCase()} ON ${table} FOR EACH ROW ` +
      `BEGIN IF ${condition} THEN BEGIN ${lines.join('; ')}; END; END IF; END`
    return { name, table, create: [sql] }
  },
  sqlite: ({ name, table, event, kind, when, columns, body }, tables) => {
    const condition = `NOT (${JOURNALED.sqlite(tables, kind)})${when === '' ? '' : ` AND ${when}`}`
    const sets = columns.map(({ column, value }) => `${column} = ${value}`).join(', ')
    // Only where something is to be set: this fires the trigger again with `PRAGMA recursive_triggers`.
    const isOff = columns.map(({ column, value }) => `${table}.${column} IS NOT (${value})`).join(' OR ')
    const normal =
      columns.length === 0
        ? []
        : [
            `UPDATE ${table} SET ${sets} WHERE ${table}.container_id = NEW.container_id ` +
              `AND ${table}.name = NEW.name AND (${isOff})`,
          ]
    const sql =
      `CREATE TRIGGER ${name} AFTER ${event.toUpperCase()} ON ${table} FOR EACH ROW WHEN ${condition} ` +
      `BEGIN ${[...body, ...normal].join('; ')}; END`
    return { name, table, create: [sql] }
  },
}

import { type PartInfo, type PartName } from '@larder/storage-core'
import { etagOf } from '@larder/storage-core/driver'
import {
  joinSql,
  numberOf,
  optionalNumber,
  type Row,
  type Statement,
  statement,
  type Value,
} from '../dialects/index.js'
import { inCollection } from './containers.js'
import type { TakenContent } from './content-intake.js'
import type { TablePaths } from '../tables.js'

/** What a write must know of the row it changes. */
export interface LockedRow {
  readonly version: number
  readonly live: number
  readonly modifiedUs: number
  readonly versions: Readonly<Record<PartName, number | undefined>>
  readonly contentBody: number | undefined
}

/** Columns and what they are to become. */
export type Changes = ReadonlyMap<string, Value>

export function selectForWrite(
  tables: TablePaths,
  collection: string,
  name: string,
  forUpdate: string,
): Statement {
  return joinSql([
    statement(
      `SELECT version, live, modified_us, content_version, metadata_version, content_body FROM ${tables.resource} WHERE`,
    ),
    inCollection(tables, collection),
    statement(`AND name = ? ${forUpdate}`, name),
  ])
}

export function lockedRow(row: Row): LockedRow {
  return {
    version: numberOf(row['version']),
    live: numberOf(row['live']),
    modifiedUs: numberOf(row['modified_us']),
    versions: {
      content: optionalNumber(row['content_version']),
      metadata: optionalNumber(row['metadata_version']),
    },
    contentBody: optionalNumber(row['content_body']),
  }
}

/** The columns of the content, of one version. */
export function contentColumns(
  content: TakenContent,
  version: number,
  modifiedUs: number,
): [string, Value][] {
  const kept = content === 'remove' ? undefined : content
  return [
    ['content_version', kept === undefined ? null : version],
    ['content_modified_us', kept === undefined ? null : modifiedUs],
    ['content_size', kept?.size ?? null],
    ['content', kept?.bytes ?? null],
    ['content_body', kept?.body ?? null],
  ]
}

export function metadataColumns(
  metadata: 'remove' | Uint8Array,
  version: number,
  modifiedUs: number,
): [string, Value][] {
  const kept = metadata === 'remove' ? undefined : metadata
  return [
    ['metadata_version', kept === undefined ? null : version],
    ['metadata_modified_us', kept === undefined ? null : modifiedUs],
    ['metadata', kept ?? null],
  ]
}

/** The end of a name from its last dot on, by which listings with `ext` find it. */
export function extOf(name: string): string | null {
  const dot = name.lastIndexOf('.')
  return dot === -1 ? null : name.slice(dot)
}

/** Inserts nothing where the collection is not there, or where a version was used that is not lower. */
export function insertRow(
  tables: TablePaths,
  orCollide: string,
  collection: string,
  name: string,
  version: number,
  changes: Changes,
): Statement {
  const columns = ['container_id', 'name', 'ext', ...changes.keys()]
  const marks = columns
    .slice(1)
    .map(() => '?')
    .join(', ')
  return statement(
    `INSERT INTO ${tables.resource} (${columns.join(', ')}) ` +
      `SELECT id, ${marks} FROM ${tables.container} WHERE name = ? ` +
      `AND COALESCE((SELECT MAX(version) FROM ${tables.floor}), 0) < ? ${orCollide}`,
    name,
    extOf(name),
    ...changes.values(),
    collection,
    version,
  )
}

/** Changes nothing where the row has another version by now: a cluster may have ended the transaction that locked it. */
export function updateRow(
  tables: TablePaths,
  collection: string,
  name: string,
  before: number,
  changes: Changes,
): Statement {
  const sets = [...changes.keys()].map((column) => `${column} = ?`).join(', ')
  return joinSql([
    statement(`UPDATE ${tables.resource} SET ${sets} WHERE`, ...changes.values()),
    inCollection(tables, collection),
    statement('AND name = ? AND version = ?', name, before),
  ])
}

/** Of a row's `version`, `modified_us` and `size`. */
export function partInfoOf(row: Row): PartInfo {
  const version = numberOf(row['version'])
  return {
    version,
    etag: etagOf(version),
    size: numberOf(row['size']),
    modifiedAt: dateOf(row['modified_us']),
  }
}

export function dateOf(micros: unknown): Date {
  return new Date(Math.floor(numberOf(micros) / 1_000))
}

import { etagOf, type PartInfo, type PartName } from '@larder/storage-core'
import {
  numberOf,
  optionalNumber,
  type Row,
  type Statement,
  statement,
  type Value,
} from '../dialects/statement.js'
import type { TakenContent } from './content-intake.js'
import type { TablePaths } from '../tables.js'

/** What a write must know of the row it changes. */
export interface LockedRow {
  readonly version: number
  readonly modifiedUs: number
  readonly versions: Readonly<Record<PartName, number | undefined>>
  readonly contentBody: number | undefined
}

/** Columns and what they are to become. */
export type Changes = ReadonlyMap<string, Value>

export function selectForWrite(
  tables: TablePaths,
  container: number,
  name: string,
  forUpdate: string,
): Statement {
  return statement(
    `SELECT version, modified_us, content_version, metadata_version, content_body ` +
      `FROM ${tables.resource} WHERE container_id = ? AND name = ? ${forUpdate}`,
    container,
    name,
  )
}

export function lockedRow(row: Row): LockedRow {
  return {
    version: numberOf(row['version']),
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

export function insertRow(
  tables: TablePaths,
  orCollide: string,
  container: number,
  name: string,
  changes: Changes,
): Statement {
  const columns = ['container_id', 'name', ...changes.keys()]
  const marks = columns.map(() => '?').join(', ')
  return statement(
    `INSERT INTO ${tables.resource} (${columns.join(', ')}) VALUES (${marks}) ${orCollide}`,
    container,
    name,
    ...changes.values(),
  )
}

export function updateRow(tables: TablePaths, container: number, name: string, changes: Changes): Statement {
  const sets = [...changes.keys()].map((column) => `${column} = ?`).join(', ')
  return statement(
    `UPDATE ${tables.resource} SET ${sets} WHERE container_id = ? AND name = ?`,
    ...changes.values(),
    container,
    name,
  )
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

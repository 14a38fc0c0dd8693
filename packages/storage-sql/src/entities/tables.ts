import type { NamesOf } from '@larder/storage-core'

/** What all table and index names begin with unless told otherwise. */
export const DEFAULT_TABLE_PREFIX = 'larder_'

/** Which tables are meant. */
export interface TableOptions {
  /** What all table and index names begin with: lower-case letters, digits and `_`. Default: `larder_`. */
  readonly tablePrefix?: string | undefined
}

export const TABLE_OPTION_NAMES: NamesOf<TableOptions> = Object.freeze({ tablePrefix: true })

export const TABLES = Object.freeze([
  'container',
  'resource',
  'body',
  'chunk',
  'journal',
  'change',
  'floor',
  'schema',
] as const)

export type TableName = (typeof TABLES)[number]

/** All that statements rely on. */
export const COLUMNS: Readonly<Record<TableName, readonly string[]>> = Object.freeze({
  container: ['id', 'name'],
  resource: [
    ...['container_id', 'name', 'ext', 'live', 'version', 'modified_us'],
    ...['content_version', 'content_modified_us', 'content_size', 'content', 'content_body'],
    ...['metadata_version', 'metadata_modified_us', 'metadata'],
  ],
  body: ['id', 'doomed', 'expires_ms'],
  chunk: ['body_id', 'seq', 'data'],
  journal: ['id', 'collection', 'resource', 'version', 'cache_keys', 'created_ms', 'claimed_until_ms'],
  change: ['subject', 'member', 'origin', 'touched', 'listed', 'created_ms', 'claimed_until_ms'],
  floor: ['id', 'version'],
  schema: ['id', 'version', 'name'],
})

// PostgreSQL cuts names at 63 bytes, and the longest suffix here has 22.
// One case only: whether two names that differ in it are two tables differs with the database and its files.
const PREFIX = /^[a-z_][a-z0-9_]{0,39}$/

/** Throws a `RangeError` for what cannot begin a table's name in every database. */
export function tablePrefixOf({ tablePrefix = DEFAULT_TABLE_PREFIX }: TableOptions): string {
  if (!PREFIX.test(tablePrefix)) {
    throw new RangeError(
      `tablePrefix must be 1 to 40 lower-case letters, digits and _, not ${JSON.stringify(tablePrefix)}`,
    )
  }
  return tablePrefix
}

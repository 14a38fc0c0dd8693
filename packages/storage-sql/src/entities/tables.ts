import {
  booleanOption,
  notAllowed,
  optionTable,
  resolveOptions,
  wrongType,
  type Option,
  type OptionsOf,
} from '@larder/storage-core/base'

/** What all table and index names begin with unless told otherwise. */
export const DEFAULT_TABLE_PREFIX = 'larder_'

// PostgreSQL cuts names at 63 bytes, and the longest suffix here has 22.
// One case only: whether two names that differ in it are two tables differs with the database and its files.
const PREFIX = /^[a-z_][a-z0-9_]{0,39}$/

/** Which tables are meant. */
export const TABLE_OPTIONS = optionTable({
  /** Begins the names of all tables and indexes. Default: `'larder_'`. */
  tablePrefix: tablePrefixOption(),
})

/** Which tables are meant. */
export type TableOptions = OptionsOf<typeof TABLE_OPTIONS>

/** Whether pages may be asked for in the order of the last write. */
export const ORDER_OPTIONS = optionTable({
  /**
   * `page` takes `order: 'newest'` and `'oldest'`; without it they are `E_UNSUPPORTED`. Needs an index that every write
   * changes: on PostgreSQL no update is heap-only (HOT) with it. Where the storage migrates, it makes the index.
   * Default: false.
   */
  orderByModified: booleanOption(false),
})

export const MIGRATION_OPTIONS = optionTable({ ...TABLE_OPTIONS, ...ORDER_OPTIONS })

/** Which tables are meant, and which indexes they need. */
export type MigrationOptions = OptionsOf<typeof MIGRATION_OPTIONS>

/** The index that pages in the order of the last write follow. */
export function modifiedIndexName(prefix: string): string {
  return `${prefix}resource_by_time`
}

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

/** The prefix, from options of `subject`. Throws a `TypeError` or `RangeError` for what cannot begin a table's name. */
export function tablePrefixOf(subject: string, options: TableOptions): string {
  return resolveOptions(subject, TABLE_OPTIONS, options).tablePrefix
}

function tablePrefixOption(): Option<string, string> {
  const takes = '1 to 40 lower-case letters, digits and _, not beginning with a digit'
  return {
    takes,
    fallback: DEFAULT_TABLE_PREFIX,
    check(value, name) {
      if (typeof value !== 'string') throw wrongType(name, takes, value)
      if (!PREFIX.test(value)) throw notAllowed(name, takes, value)
      return value
    },
  }
}

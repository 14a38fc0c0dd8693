/** What all table and index names begin with unless told otherwise. */
export const DEFAULT_TABLE_PREFIX = 'larder_'

export interface TableOptions {
  /** What all table and index names begin with: letters, digits and `_`. Default: `larder_`. */
  readonly tablePrefix?: string | undefined
}

export const TABLES = Object.freeze(['container', 'resource', 'body', 'chunk', 'journal'] as const)

export type TableName = (typeof TABLES)[number]

// PostgreSQL cuts names at 63 bytes, and the longest suffix here has 22.
const PREFIX = /^[A-Za-z_][A-Za-z0-9_]{0,39}$/

/** Throws a `RangeError` for what cannot begin a table's name in every database. */
export function tablePrefixOf({ tablePrefix = DEFAULT_TABLE_PREFIX }: TableOptions): string {
  if (!PREFIX.test(tablePrefix)) {
    throw new RangeError(
      `tablePrefix must be 1 to 40 letters, digits and _, not ${JSON.stringify(tablePrefix)}`,
    )
  }
  return tablePrefix
}

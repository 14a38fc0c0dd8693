import { throwIfAborted } from '@larder/storage-core/driver'
import type { Connection, ConnectionSource } from '../connections/index.js'
import { numberOf, type Row, type Statement, statement } from '../dialects/index.js'
import type { TablePaths } from '../tables.js'

/** The rows of a collection behind a name. */
export interface Batch {
  readonly container: number
  readonly after: string
}

/** Calls `work` with one batch after the other; it resolves to the last name of its own, or undefined at the end. */
export async function walkNames(
  source: ConnectionSource,
  tables: TablePaths,
  signal: AbortSignal | undefined,
  work: (batch: Batch) => Promise<string | undefined>,
): Promise<void> {
  const containers = statement(`SELECT id FROM ${tables.container} ORDER BY id`)
  const { rows } = await source.read((connection) => connection.run(containers), signal)
  for (const row of rows) {
    const container = numberOf(row['id'])
    for (let after: string | undefined = ''; after !== undefined;) {
      throwIfAborted(signal)
      after = await work({ container, after })
    }
  }
}

/**
 * Runs `change` with the rows of `select`, as a transaction that triggers take for one of the library's own: they
 * neither change its rows nor record them. SQLite's cannot tell, and do.
 */
export async function changeQuietly<T>(
  connection: Connection,
  select: Statement,
  change: (rows: readonly Row[]) => Promise<T>,
): Promise<T> {
  const { journaling } = connection.dialect
  try {
    const [found] = await connection.begin(select)
    await connection.runAll([
      ...journaling.before(true, false),
      // On PostgreSQL this is what tells the triggers.
      statement(`SELECT ${journaling.claimedUntilMs} AS told`),
    ])
    const result = await change(found?.rows ?? [])
    await connection.commit()
    return result
  } catch (error) {
    await connection.rollback()
    throw error
  }
}

import type { Connection, ConnectionSource } from '../connections/index.js'
import { numberOf, statement } from '../dialects/index.js'
import { raiseFloor } from './floor.js'
import { type Batch, changeQuietly, walkNames } from './name-walk.js'
import type { TablePaths } from '../tables.js'

const ROWS_AT_ONCE = 1_000

/**
 * Raises the versions of all resources, and the floor, above those that a lost state may have issued. The versions of
 * parts, and so their entity tags, stay: they were issued for what is stored now. Resolves to how many rows there are.
 */
export async function raiseVersions(
  source: ConnectionSource,
  tables: TablePaths,
  by: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  // First, so that resources which the restored state does not know begin above all that comes.
  await source.writeTwice((connection) => raiseFloorAboveAll(connection, tables, by), signal)
  let raised = 0
  await walkNames(source, tables, signal, async (batch) => {
    const { last, count } = await source.write(
      (connection) => raiseBatch(connection, tables, by, batch),
      signal,
    )
    raised += count
    return count < ROWS_AT_ONCE ? undefined : last
  })
  return raised
}

async function raiseFloorAboveAll(connection: Connection, tables: TablePaths, by: number): Promise<void> {
  const { resource, floor } = tables
  const highest = statement(
    `SELECT COALESCE((SELECT MAX(version) FROM ${resource}), 0) AS written, ` +
      `COALESCE((SELECT MAX(version) FROM ${floor}), 0) AS floor`,
  )
  await changeQuietly(connection, highest, async ([row]) => {
    const above = Math.max(numberOf(row?.['written']), numberOf(row?.['floor'])) + by
    await raiseFloor(connection, tables, above)
  })
}

async function raiseBatch(
  connection: Connection,
  { resource }: TablePaths,
  by: number,
  { container, after }: Batch,
): Promise<{ readonly last: string; readonly count: number }> {
  const { dialect } = connection
  const names = statement(
    `SELECT name FROM ${resource} WHERE container_id = ? AND name > ? ` +
      `ORDER BY name LIMIT ${ROWS_AT_ONCE} ${dialect.forUpdate}`,
    container,
    after,
  )
  return changeQuietly(connection, names, async (rows) => {
    const last = dialect.name(rows.at(-1)?.['name'] ?? '')
    const raise = statement(
      `UPDATE ${resource} SET version = version + ? WHERE container_id = ? AND name > ? AND name <= ?`,
      by,
      container,
      after,
      last,
    )
    if (rows.length > 0) await connection.run(raise)
    return { last, count: rows.length }
  })
}

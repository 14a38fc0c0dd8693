import type { Connection, ConnectionSource } from '../connections/index.js'
import { joinSql, numberOf, type Statement, statement } from '../dialects/index.js'
import { raiseFloor } from './floor.js'
import { type Batch, changeQuietly, walkNames } from './name-walk.js'
import type { TablePaths } from '../tables.js'

const ROWS_AT_ONCE = 500

/**
 * Removes the rows of resources that were removed. Their versions are below the floor from then on, in the same
 * transaction, so that a new resource of that name gets higher versions. Resolves to how many rows there were.
 */
export async function purgeTombstones(
  source: ConnectionSource,
  tables: TablePaths,
  olderThanMs: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  let purged = 0
  await walkNames(source, tables, signal, async (batch) => {
    const names = await source.writeTwice(
      (connection) => purgeBatch(connection, tables, olderThanMs, batch),
      signal,
    )
    purged += names.length
    return names.length < ROWS_AT_ONCE ? undefined : names.at(-1)
  })
  return purged
}

async function purgeBatch(
  connection: Connection,
  tables: TablePaths,
  olderThanMs: number,
  batch: Batch,
): Promise<readonly string[]> {
  const { dialect } = connection
  return changeQuietly(connection, tombstones(connection, tables, olderThanMs, batch), async (rows) => {
    const names = rows.map((row) => dialect.name(row['name']))
    if (names.length === 0) return names
    await raiseFloor(connection, tables, Math.max(...rows.map((row) => numberOf(row['version']))))
    const remove = statement(
      `DELETE FROM ${tables.resource} WHERE container_id = ? AND live = 0 AND`,
      batch.container,
    )
    await connection.run(joinSql([remove, dialect.anyOf('name', names)]))
    return names
  })
}

/** Locked; those that a writer has locked are passed over. */
function tombstones(
  { dialect: { nowMs, forUpdate } }: Connection,
  { resource }: TablePaths,
  olderThanMs: number,
  { container, after }: Batch,
): Statement {
  const skipLocked = forUpdate === '' ? '' : `${forUpdate} SKIP LOCKED`
  const ofAnyAge = statement(
    `SELECT name, version FROM ${resource} WHERE container_id = ? AND name > ? AND live = 0`,
    container,
    after,
  )
  // The times are the programs', and now is the database's: 0 must not depend on how well the two agree.
  const age = statement(`AND modified_us < (${nowMs} - ?) * 1000`, Math.ceil(olderThanMs))
  const end = statement(`ORDER BY name LIMIT ${ROWS_AT_ONCE} ${skipLocked}`)
  return joinSql(olderThanMs === 0 ? [ofAnyAge, end] : [ofAnyAge, age, end])
}

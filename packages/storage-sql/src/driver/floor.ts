import type { Connection } from '../connections/index.js'
import { statement } from '../dialects/index.js'
import type { TablePaths } from '../tables.js'

/** Lets new resources begin above `version`, in the transaction that makes it necessary. */
export async function raiseFloor(
  connection: Connection,
  { floor }: TablePaths,
  version: number,
): Promise<void> {
  const { dialect } = connection
  await connection.runAll([
    statement(`INSERT INTO ${floor} (id, version) VALUES (1, 0) ${dialect.orKeep('id')}`),
    statement(`UPDATE ${floor} SET version = ? WHERE id = 1 AND version < ?`, version, version),
  ])
}

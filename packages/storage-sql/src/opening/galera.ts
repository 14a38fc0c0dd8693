import { StorageError } from '@larder/storage-core'
import type { QueryRunner } from 'typeorm'
import { familyOf } from '../entities/index.js'

const LOOK = "SHOW VARIABLES LIKE 'wsrep_on'"

/** Whether the server is a node of a Galera cluster, where locks of sessions are each node's own. */
export async function isGalera(runner: QueryRunner): Promise<boolean> {
  if (familyOf(runner.dataSource.options.type) !== 'mysql') return false
  const [row] = (await runner.query(LOOK)) as { readonly Value: unknown }[]
  return row?.Value === 'ON'
}

/** Rejects with `E_UNSUPPORTED` on a node of a Galera cluster. */
export async function refuseGalera(runner: QueryRunner): Promise<void> {
  if (!(await isGalera(runner))) return
  throw new StorageError(
    'E_UNSUPPORTED',
    "The database is a Galera cluster, whose nodes do not know of each other's advisory locks: use MemcacheLock",
  )
}

import type { StorageTransaction } from '@larder/storage-core'
import type { EntityManager } from 'typeorm'
import { isEntityManager } from './typeorm-marks.js'

/**
 * TypeORM's `EntityManager` of a transaction of a `SqlStorage`, also behind caches: what the program writes with it is
 * part of the transaction. Throws a `TypeError` for a transaction of another kind of storage.
 */
export function managerOf(tx: StorageTransaction): EntityManager {
  const { native } = tx
  if (isEntityManager(native)) return native
  throw new TypeError('This is not a transaction of a SqlStorage')
}

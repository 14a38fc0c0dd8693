import { StorageError } from '@larder/storage-core'
import type { DataSource } from 'typeorm'
import { familyOf } from '../entities/index.js'
import type { Settings } from '../options.js'
import { toStorageError } from '../sql-errors.js'
import { queryServer, withRunner } from './server-queries.js'

/** Rejects with `E_UNSUPPORTED` behind a pooler that lets nobody have a transaction. */
export async function refuseStatementPooling(dataSource: DataSource, settings: Settings): Promise<void> {
  if (familyOf(dataSource.options.type) !== 'postgres') return
  try {
    await withRunner(dataSource, async (runner) => {
      await queryServer(runner.startTransaction(), settings)
      await queryServer(runner.rollbackTransaction(), settings)
    })
  } catch (cause) {
    const error = toStorageError(cause)
    if (error.code !== 'E_UNSUPPORTED') throw error
    const message =
      'A pooler in statement mode is in front of PostgreSQL, where there are no transactions: ' +
      'set its pool_mode to transaction or session'
    throw new StorageError('E_UNSUPPORTED', message, { cause })
  }
}

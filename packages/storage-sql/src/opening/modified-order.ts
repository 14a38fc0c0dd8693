import { StorageError } from '@larder/storage-core'
import type { DataSource } from 'typeorm'
import { familyOf, modifiedIndexName } from '../entities/index.js'
import { hasModifiedIndex, makeModifiedIndex } from '../migrations/index.js'
import type { Settings } from '../options.js'
import type { TablePaths } from '../tables.js'
import { queryServer, withRunner } from './server-queries.js'
import { underMigrationLock } from './migrate.js'

interface Place {
  readonly dataSource: DataSource
  readonly prefix: string
  readonly tables: TablePaths
  readonly settings: Settings
}

/**
 * Sees to the index that pages by time follow. Where it is missing and `mayMake` is false, rejects with
 * `E_STORAGE_UNAVAILABLE`, as for missing tables.
 */
export async function provideModifiedIndex(place: Place, mayMake: boolean): Promise<void> {
  if (await isThere(place)) return
  if (!mayMake) throw missing(place.prefix)
  const { dataSource, prefix, tables, settings } = place
  const family = familyOf(dataSource.options.type)
  try {
    await underMigrationLock(dataSource, prefix, settings, (runner) =>
      makeModifiedIndex({ runner, family, prefix, paths: tables }),
    )
  } catch (error) {
    // The lock is a node's own in a Galera cluster: another node may have been first.
    if (!(await isThere(place))) throw error
  }
}

function isThere({ dataSource, prefix, tables, settings }: Place): Promise<boolean> {
  const family = familyOf(dataSource.options.type)
  return withRunner(dataSource, (runner) =>
    queryServer(hasModifiedIndex({ runner, family, prefix, paths: tables }), settings),
  )
}

function missing(prefix: string): StorageError {
  return new StorageError(
    'E_STORAGE_UNAVAILABLE',
    `The index ${modifiedIndexName(prefix)} is missing, which \`orderByModified\` needs: open with migrate: true, run ` +
      'larderMigrations(type, { orderByModified: true }) on the data source, or larder migrate --order-by-modified',
  )
}

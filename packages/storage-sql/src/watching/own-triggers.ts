import { resolveOptions } from '@larder/storage-core/base'
import type { DataSource } from 'typeorm'
import { type TableOptions, tablePrefixOf } from '../entities/index.js'
import { install, installWaking, openDatabase, type Place, uninstall, withPlace } from '../opening/index.js'
import { toStorageError } from '../sql-errors.js'
import type { SqlStorage } from '../sql-storage.js'
import { TRIGGER_OPTIONS, type TriggerOptions } from './trigger-options.js'
import { resourceName, resourceTriggers } from '../triggers/index.js'

/**
 * Installs triggers on Larder's own tables, for programs that write to them without a `MemcacheStorage`: by SQL, or by
 * a `SqlStorage` alone. Their changes are then seen by readers through a `MemcacheStorage` once its relay has run, and
 * versions grow with them. To be done once, as a migration is; where the triggers are there, nothing is done.
 *
 * `tablePrefix` counts for a data source only. Rejects with `E_LOCK_TIMEOUT` where a table was in use for too long, and
 * with what the database says where the tables are not there or the user may not make triggers.
 */
export async function installTriggers(
  target: DataSource | SqlStorage,
  options: TriggerOptions = {},
): Promise<void> {
  const { notify, tablePrefix } = resolveOptions('installTriggers', TRIGGER_OPTIONS, options)
  await changeTriggers(target, tablePrefix, async (place) => {
    const { family, tables, paths, prefix } = place
    const triggers = resourceTriggers(family, tables, paths, prefix)
    await install(place, { triggers, ...whereabouts(place) })
    await installWaking(place, notify)
  })
}

/** Removes what `installTriggers` has installed. What is not there is passed over. */
export async function removeTriggers(
  target: DataSource | SqlStorage,
  options: TableOptions = {},
): Promise<void> {
  const prefix = tablePrefixOf('removeTriggers', options)
  await changeTriggers(target, prefix, (place) => uninstall(place, whereabouts(place)))
}

function whereabouts({ tables, prefix }: Place) {
  return { begins: resourceName(prefix), on: [tables.resource, tables.container] }
}

async function changeTriggers(
  target: object,
  prefix: string,
  change: (place: Place) => Promise<void>,
): Promise<void> {
  const database = await openDatabase(target, prefix)
  try {
    await withPlace(database, change)
  } catch (error) {
    throw toStorageError(error)
  } finally {
    await database.opened.close()
  }
}

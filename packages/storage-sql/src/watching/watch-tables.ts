import { checkOptionNames } from '@larder/storage-core'
import type { DataSource } from 'typeorm'
import { TABLE_OPTION_NAMES, type TableOptions } from '../entities/tables.js'
import { openDatabase } from '../opening/databases.js'
import { install, installWaking, type Place, uninstall, withPlace } from '../opening/install.js'
import { toStorageError } from '../sql-errors.js'
import type { SqlStorage } from '../sql-storage.js'
import { notifyOf, TRIGGER_OPTION_NAMES, type TriggerOptions } from './trigger-options.js'
import { watchName, watchTriggers } from '../triggers/trigger.js'

const NAME = /^[^\0"'`\\.]{1,63}(?:\.[^\0"'`\\.]{1,63})?$/u

/**
 * Installs triggers on tables of any kind, so that every committed statement that changes them is recorded, from
 * whichever program, and handed to `onTableChanges`. To be done once, as a migration is; where the triggers are
 * there, nothing is done.
 *
 * `tables`: names as they are in the database, `film` or `schema.film`; the same that `onTableChanges` tells.
 * `tablePrefix` counts for a data source only. Rejects with a `TypeError` or `RangeError` for names that are none,
 * with `E_LOCK_TIMEOUT` where a table was in use for too long, and with what the database says where a table is not
 * there or the user may not make triggers.
 */
export async function watchTables(
  target: DataSource | SqlStorage,
  tables: readonly string[],
  options: TriggerOptions = {},
): Promise<void> {
  checkOptionNames('watchTables', options, TRIGGER_OPTION_NAMES)
  const notify = notifyOf(options)
  const watch = async (place: Place, table: string) => {
    const path = pathOf(place, table)
    const { family, paths, prefix } = place
    const triggers = watchTriggers(family, paths, prefix, table, path)
    await install(place, { triggers, begins: watchName(prefix, table), on: [path] })
  }
  await changeTriggers(target, tables, options, watch, (place) => installWaking(place, notify))
}

/** Removes what `watchTables` has installed on these tables. What is not there is passed over. */
export async function unwatchTables(
  target: DataSource | SqlStorage,
  tables: readonly string[],
  options: TableOptions = {},
): Promise<void> {
  checkOptionNames('unwatchTables', options, TABLE_OPTION_NAMES)
  await changeTriggers(target, tables, options, async (place, table) => {
    await uninstall(place, { begins: watchName(place.prefix, table), on: [pathOf(place, table)] })
  })
}

async function changeTriggers(
  target: object,
  tables: readonly string[],
  options: TableOptions,
  change: (place: Place, table: string) => Promise<void>,
  finish?: (place: Place) => Promise<void>,
): Promise<void> {
  const checked = checkTableNames(tables)
  const database = await openDatabase(target, options)
  try {
    await withPlace(database, async (place) => {
      for (const table of checked) await change(place, table)
      await finish?.(place)
    })
  } catch (error) {
    throw toStorageError(error)
  } finally {
    await database.opened.close()
  }
}

/** In one order, so that two who install at once cannot wait for each other. */
export function checkTableNames(tables: readonly string[]): readonly string[] {
  const given: unknown = tables
  if (!Array.isArray(given)) throw new TypeError('An array of names of tables is needed')
  for (const table of given as unknown[]) {
    if (typeof table !== 'string') throw new TypeError('The name of a table must be a string')
    if (!NAME.test(table)) throw new RangeError(`${JSON.stringify(table)} cannot be the name of a table`)
  }
  return [...new Set(tables)].sort()
}

function pathOf({ runner }: Place, table: string): string {
  return table
    .split('.')
    .map((name) => runner.dataSource.driver.escape(name))
    .join('.')
}

import { listOption, notAllowed, resolveOptions, wrongType, type Option } from '@larder/storage-core/base'
import type { DataSource } from 'typeorm'
import { type TableOptions, tablePrefixOf } from '../entities/index.js'
import { install, installWaking, openDatabase, type Place, uninstall, withPlace } from '../opening/index.js'
import { toStorageError } from '../sql-errors.js'
import type { SqlStorage } from '../sql-storage.js'
import { TRIGGER_OPTIONS, type TriggerOptions } from './trigger-options.js'
import { watchName, watchTriggers } from '../triggers/index.js'

/** Names of tables, as they are in the database: `film` or `schema.film`. */
export const TABLE_NAMES = listOption('a list of names of tables', tableNameOption())
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
  const { notify, tablePrefix } = resolveOptions('watchTables', TRIGGER_OPTIONS, options)
  const watch = async (place: Place, table: string) => {
    const path = pathOf(place, table)
    const { family, paths, prefix } = place
    const triggers = watchTriggers(family, paths, prefix, table, path)
    await install(place, { triggers, begins: watchName(prefix, table), on: [path] })
  }
  await changeTriggers(target, tables, tablePrefix, watch, (place) => installWaking(place, notify))
}

/** Removes what `watchTables` has installed on these tables. What is not there is passed over. */
export async function unwatchTables(
  target: DataSource | SqlStorage,
  tables: readonly string[],
  options: TableOptions = {},
): Promise<void> {
  const prefix = tablePrefixOf('unwatchTables', options)
  await changeTriggers(target, tables, prefix, async (place, table) => {
    await uninstall(place, { begins: watchName(place.prefix, table), on: [pathOf(place, table)] })
  })
}

async function changeTriggers(
  target: object,
  tables: readonly string[],
  prefix: string,
  change: (place: Place, table: string) => Promise<void>,
  finish?: (place: Place) => Promise<void>,
): Promise<void> {
  const checked = checkTableNames(tables)
  const database = await openDatabase(target, prefix)
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
  return [...new Set(TABLE_NAMES.check(tables, 'tables'))].sort()
}

function pathOf({ runner }: Place, table: string): string {
  return table
    .split('.')
    .map((name) => runner.dataSource.driver.escape(name))
    .join('.')
}

function tableNameOption(): Option<string> {
  const takes = 'the name of a table, such as film or schema.film'
  return {
    takes,
    fallback: undefined,
    check(value, name) {
      if (typeof value !== 'string') throw wrongType(name, takes, value)
      if (!NAME.test(value)) throw notAllowed(name, takes, value)
      return value
    },
  }
}

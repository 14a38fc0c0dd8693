import { processWide } from '@larder/storage-core/driver'
import { wrongType } from '@larder/storage-core/base'
import type { DataSource } from 'typeorm'
import type { ConnectionSource, Listener } from '../connections/index.js'
import { isDataSource } from '../typeorm-marks.js'
import { familyOf } from '../entities/index.js'
import { DEFAULT_SETTINGS, type Settings } from '../options.js'
import { Opened } from './opened.js'
import { openingMs } from './sources.js'

/** A database beside what a storage does with it. */
export interface Database {
  readonly dataSource: DataSource
  readonly prefix: string
  readonly settings: Settings
}

export interface StorageDatabase extends Database {
  readonly listener: Listener | undefined
  readonly source: ConnectionSource
}

export interface OpenDatabase extends Database {
  /** The storage's own connections, where it is a storage's database. */
  readonly source: ConnectionSource | undefined
  /** What wakes the storage, where something does. */
  readonly listener: Listener | undefined
  /** What is to be closed with it. */
  readonly opened: Opened
}

const databases = processWide('storage-sql/databases@1', () => new WeakMap<object, StorageDatabase>())

/** Lets `openDatabase` know the database of a storage. */
export function remember(storage: object, database: StorageDatabase): void {
  databases.set(storage, database)
}

/** The database of an open `SqlStorage`. Throws a `TypeError` for anything else. */
export function databaseOf(storage: object): StorageDatabase {
  const known = databases.get(storage)
  if (known === undefined) throw wrongType('storage', 'an open SqlStorage', storage)
  return known
}

/** The database of a storage, or of a data source, which is initialised where it is not. `prefix`: of its tables. */
export async function openDatabase(target: object, prefix: string): Promise<OpenDatabase> {
  const opened = new Opened()
  const known = databases.get(target)
  if (known !== undefined) return { ...known, opened }
  if (!isDataSource(target)) throw wrongType('target', 'a SqlStorage or a DataSource', target)
  familyOf(target.options.type)
  const settings = DEFAULT_SETTINGS
  try {
    await opened.use(target, openingMs(settings))
  } catch (error) {
    await opened.abandon()
    throw error
  }
  return { dataSource: target, prefix, settings, source: undefined, listener: undefined, opened }
}

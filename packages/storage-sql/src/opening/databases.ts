import { processWide } from '@larder/storage-core'
import type { DataSource } from 'typeorm'
import type { Listener } from '../connections/listener.js'
import type { ConnectionSource } from '../connections/source.js'
import { familyOf } from '../entities/family.js'
import { type TableOptions, tablePrefixOf } from '../entities/tables.js'
import { type Settings, settingsOf } from '../options.js'
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
  if (known === undefined) throw new TypeError('An open SqlStorage is needed')
  return known
}

/** The database of a storage or data source, which is initialised where it is not. */
export async function openDatabase(target: object, options: TableOptions): Promise<OpenDatabase> {
  const opened = new Opened()
  const known = databases.get(target)
  if (known !== undefined) return { ...known, opened }
  if (!isDataSource(target)) throw new TypeError('A SqlStorage or a DataSource is needed')
  familyOf(target.options.type)
  const prefix = tablePrefixOf(options)
  const settings = settingsOf({})
  try {
    await opened.use(target, openingMs(settings))
  } catch (error) {
    await opened.abandon()
    throw error
  }
  return { dataSource: target, prefix, settings, source: undefined, listener: undefined, opened }
}

/** By the mark that TypeORM itself goes by, which is the same in all of its copies. */
function isDataSource(target: object): target is DataSource {
  return (target as { readonly '@instanceof'?: unknown })['@instanceof'] === Symbol.for('DataSource')
}

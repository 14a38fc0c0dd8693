import { DrivenStorage } from '@larder/storage-core'
import { remember } from './opening/databases.js'
import { openDriver } from './opening/open.js'
import type { SqlStorageOptions } from './options.js'

/**
 * Keeps resources in PostgreSQL, MySQL, MariaDB or SQLite. Versions of a resource count from 1, and go on when it is
 * removed and made anew.
 */
export class SqlStorage extends DrivenStorage {
  /**
   * Connects, and brings the tables up to date unless `migrate` says otherwise.
   *
   * Rejects with `E_STORAGE_UNAVAILABLE` where the database cannot be reached, `E_UNSUPPORTED` where the driver's
   * package is not installed, and a `TypeError` or `RangeError` for bad options.
   */
  static async open(options: SqlStorageOptions): Promise<SqlStorage> {
    const { driver, database } = await openDriver(options)
    const storage = new SqlStorage(driver)
    remember(storage, database)
    return storage
  }
}

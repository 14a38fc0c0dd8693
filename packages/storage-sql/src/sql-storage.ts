import { DrivenStorage } from '@larder/storage-core/driver'
import type { Care, PurgeOptions, PurgeResult, RestoredOptions, SqlDriver } from './driver/index.js'
import { openDriver, remember } from './opening/index.js'
import type { SqlStorageOptions } from './options.js'

/**
 * Keeps resources in PostgreSQL, MySQL, MariaDB or SQLite. Versions of a resource count from 1, and go on when it is
 * removed and made anew.
 */
export class SqlStorage extends DrivenStorage {
  readonly #care: Care

  private constructor(driver: SqlDriver) {
    super(driver)
    this.#care = driver.care
  }

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

  /**
   * Removes what only takes room: content that was replaced, and, where their ages are given, rows of removed resources
   * and records of external changes. Versions never start again, and any number of processes may read, write and purge
   * meanwhile. Works in short transactions; what was done when it rejects stays done.
   */
  purge(options: PurgeOptions = {}): Promise<PurgeResult> {
    return this.#care.purge(options)
  }

  /**
   * To be called once after the database lost acknowledged writes: a backup was restored, or an asynchronous standby
   * promoted. Raises the versions of all resources, so that no version, and no entity tag, is issued a second time.
   * Resolves to how many resources there are. Caches in front must be emptied afterwards.
   */
  restored(options: RestoredOptions = {}): Promise<number> {
    return this.#care.restored(options)
  }
}

import { checkOptionNames, type NamesOf } from '@larder/storage-core'
import type { BodySweeper } from './body-sweeper.js'
import type { ChangeLog } from '../change-log.js'
import type { ConnectionSource } from '../connections/source.js'
import { purgeTombstones } from './purge-tombstones.js'
import { raiseVersions } from './raise-versions.js'
import type { TablePaths } from '../tables.js'

/** What `SqlStorage.purge` removes; durations in milliseconds, by the database's clock. */
export interface PurgeOptions {
  /** Rows of resources that were removed longer ago than this; 0: all. Left alone where omitted. */
  readonly tombstonesOlderThanMs?: number | undefined
  /**
   * Records of external changes that nobody has handled since: caches that were to hear of them never will. Left alone
   * where omitted.
   */
  readonly changesOlderThanMs?: number | undefined
  /** Stops between two batches. */
  readonly signal?: AbortSignal | undefined
}

/** How much was removed. */
export interface PurgeResult {
  readonly tombstones: number
  /** Content in chunks that was replaced, and whose readers had their time. */
  readonly bodies: number
  readonly changes: number
}

/** What `SqlStorage.restored` takes. */
export interface RestoredOptions {
  /** More than any resource was written since the state that was restored. Default: 1,000,000. */
  readonly raiseBy?: number | undefined
  /** Stops between two batches. */
  readonly signal?: AbortSignal | undefined
}

const PURGE_NAMES: NamesOf<PurgeOptions> = Object.freeze({
  tombstonesOlderThanMs: true,
  changesOlderThanMs: true,
  signal: true,
})
const RESTORED_NAMES: NamesOf<RestoredOptions> = Object.freeze({ raiseBy: true, signal: true })
const DEFAULT_RAISE = 1_000_000
const LARGEST_RAISE = 1_000_000_000_000

/** What is done to the tables now and then. */
export class Care {
  readonly #source: ConnectionSource
  readonly #tables: TablePaths
  readonly #sweeper: BodySweeper
  readonly #changes: ChangeLog

  constructor(source: ConnectionSource, tables: TablePaths, sweeper: BodySweeper, changes: ChangeLog) {
    this.#source = source
    this.#tables = tables
    this.#sweeper = sweeper
    this.#changes = changes
  }

  async purge(options: PurgeOptions): Promise<PurgeResult> {
    checkOptionNames('SqlStorage.purge()', options, PURGE_NAMES)
    const { tombstonesOlderThanMs, changesOlderThanMs, signal } = options
    checkAge('tombstonesOlderThanMs', tombstonesOlderThanMs)
    checkAge('changesOlderThanMs', changesOlderThanMs)
    return {
      tombstones:
        tombstonesOlderThanMs === undefined
          ? 0
          : await purgeTombstones(this.#source, this.#tables, tombstonesOlderThanMs, signal),
      bodies: await this.#sweeper.sweep(signal),
      changes: changesOlderThanMs === undefined ? 0 : await this.#changes.drop(changesOlderThanMs, signal),
    }
  }

  async restored(options: RestoredOptions): Promise<number> {
    checkOptionNames('SqlStorage.restored()', options, RESTORED_NAMES)
    const { raiseBy = DEFAULT_RAISE, signal } = options
    if (!Number.isSafeInteger(raiseBy) || raiseBy < 1 || raiseBy > LARGEST_RAISE)
      throw new RangeError(
        `raiseBy must be a whole number from 1 to ${LARGEST_RAISE}, not ${String(raiseBy)}`,
      )
    return raiseVersions(this.#source, this.#tables, raiseBy, signal)
  }
}

function checkAge(name: keyof PurgeOptions, ms: number | undefined): void {
  if (ms === undefined || (Number.isFinite(ms) && ms >= 0)) return
  throw new RangeError(`${name} must be a number of milliseconds from 0 on, not ${String(ms)}`)
}

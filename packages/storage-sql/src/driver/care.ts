import {
  numberOption,
  optionTable,
  resolveOptions,
  signalOption,
  type OptionsOf,
} from '@larder/storage-core/base'
import type { ChunkCollector } from './chunk-collector.js'
import type { ChangeLog } from '../change-log.js'
import type { ConnectionSource } from '../connections/index.js'
import { purgeTombstones } from './purge-tombstones.js'
import { raiseVersions } from './raise-versions.js'
import type { TablePaths } from '../tables.js'

/** What `SqlStorage.purge` removes; ages by the database's clock. */
export const PURGE_OPTIONS = optionTable({
  /** Rows of resources that were removed longer ago than this, in milliseconds; 0: all. Default: they stay. */
  tombstonesOlderThanMs: numberOption({ min: 0 }),
  /**
   * Records of external changes that nobody has handled for this long, in milliseconds: caches that were to learn of them
   * never will. Default: they stay.
   */
  changesOlderThanMs: numberOption({ min: 0 }),
  /** Stops between two batches. */
  signal: signalOption(),
})

/** What `SqlStorage.purge` removes; durations in milliseconds, by the database's clock. */
export type PurgeOptions = OptionsOf<typeof PURGE_OPTIONS>

/** How much was removed. */
export interface PurgeResult {
  readonly tombstones: number
  /** Content in chunks that was replaced, and whose readers had their time. */
  readonly contents: number
  readonly changes: number
}

/** What `SqlStorage.restored` takes. */
export const RESTORED_OPTIONS = optionTable({
  /** More than any resource was written since the state that was restored. Default: 1,000,000. */
  raiseBy: numberOption({ min: 1, max: 1_000_000_000_000, isInteger: true }, 1_000_000),
  /** Stops between two batches. */
  signal: signalOption(),
})

/** What `SqlStorage.restored` takes. */
export type RestoredOptions = OptionsOf<typeof RESTORED_OPTIONS>

/** What is done to the tables now and then. */
export class Care {
  readonly #source: ConnectionSource
  readonly #tables: TablePaths
  readonly #collector: ChunkCollector
  readonly #changes: ChangeLog

  constructor(source: ConnectionSource, tables: TablePaths, collector: ChunkCollector, changes: ChangeLog) {
    this.#source = source
    this.#tables = tables
    this.#collector = collector
    this.#changes = changes
  }

  async purge(options: PurgeOptions): Promise<PurgeResult> {
    const resolved = resolveOptions('SqlStorage.purge()', PURGE_OPTIONS, options)
    const { tombstonesOlderThanMs, changesOlderThanMs, signal } = resolved
    return {
      tombstones:
        tombstonesOlderThanMs === undefined
          ? 0
          : await purgeTombstones(this.#source, this.#tables, tombstonesOlderThanMs, signal),
      contents: await this.#collector.collect(signal),
      changes: changesOlderThanMs === undefined ? 0 : await this.#changes.drop(changesOlderThanMs, signal),
    }
  }

  async restored(options: RestoredOptions): Promise<number> {
    const { raiseBy, signal } = resolveOptions('SqlStorage.restored()', RESTORED_OPTIONS, options)
    return raiseVersions(this.#source, this.#tables, raiseBy, signal)
  }
}

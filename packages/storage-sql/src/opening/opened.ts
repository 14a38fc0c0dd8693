import { processWide } from '@larder/storage-core/driver'
import type { DataSource } from 'typeorm'
import { withTimeout } from '../connections/index.js'
import { guardPool } from './pool-guard.js'

const CLOSED_WITHIN_MS = 1_000

interface Initialised {
  readonly ready: Promise<unknown>
  users: number
}

// Those that were initialised here: several storages may share one, and the last of them destroys it.
const initialised = processWide('storage-sql/initialised@1', () => new WeakMap<DataSource, Initialised>())

/** The data sources that a storage has to destroy with it. */
export class Opened {
  readonly #mine: DataSource[] = []

  /** Initialises it unless it is initialised, and guards the connections of its pool. */
  async use(dataSource: DataSource, limitMs: number): Promise<void> {
    await this.#initialise(dataSource, limitMs)
    guardPool(dataSource)
  }

  async #initialise(dataSource: DataSource, limitMs: number): Promise<void> {
    let entry = initialised.get(dataSource)
    if (entry === undefined) {
      if (dataSource.isInitialized) return
      entry = { ready: dataSource.initialize(), users: 0 }
      initialised.set(dataSource, entry)
    }
    entry.users++
    this.#mine.push(dataSource)
    await withTimeout(entry.ready, limitMs, 'Connecting')
  }

  async close(): Promise<void> {
    for (const dataSource of this.#mine.splice(0)) {
      const entry = initialised.get(dataSource)
      if (entry === undefined || --entry.users > 0) continue
      initialised.delete(dataSource)
      if (dataSource.isInitialized) await dataSource.destroy()
      // One that took too long may still come.
      else entry.ready.then(() => dataSource.destroy()).catch(() => undefined)
    }
  }

  /** After a failure: a server that does not answer is not waited for. Never rejects. */
  async abandon(): Promise<void> {
    await withTimeout(this.close(), CLOSED_WITHIN_MS, 'Closing').catch(() => undefined)
  }
}

import {
  isStorageError,
  type Storage,
  StorageError,
  type TransactionOutcome,
  type WriteResult,
} from '@larder/storage-core'
import { larderEntities } from '@larder/storage-sql'
import type { EventEmitter } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { DataSource, type DataSourceOptions, type EntityManager, type QueryRunner } from 'typeorm'
import { ask, countRows } from './raw-database.js'
import { DATABASE } from './settings.js'

/** The table of the program's own: a row for each time that a number was raised with it in one transaction. */
const TABLE = 'raised'
/** Longer than Larder lets a transaction take. A statement of the program's own has no limit but this one. */
const LONGEST_MS = 6_000
const OUTCOME_MS = 10_000

export async function makeOwnTable(databaseUrl: string): Promise<void> {
  await ask(databaseUrl, `CREATE TABLE ${TABLE} (id varchar(64) PRIMARY KEY)`)
}

export function countRaised(databaseUrl: string): Promise<number> {
  return countRows(databaseUrl, TABLE)
}

export interface Written {
  readonly results: readonly WriteResult[]
  /** Whether readers see it at once. */
  readonly cacheInvalidated: boolean
}

/** A program with a data source and a table of its own, which begins its transactions itself. */
export class Program {
  readonly dataSource: DataSource

  private constructor(dataSource: DataSource) {
    this.dataSource = dataSource
  }

  static async open(url: string): Promise<Program> {
    const dataSource = await new DataSource(optionsOf(url)).initialize()
    if (url.startsWith('postgres')) survive(dataSource)
    return new Program(dataSource)
  }

  /**
   * Runs `write` with the storage of a transaction of the program's, with `note` in its own table. Rejects with a
   * `StorageError`, which says whether it was rolled back.
   */
  async write(
    storage: Storage,
    note: string | undefined,
    write: (tx: Storage) => Promise<readonly WriteResult[]>,
  ): Promise<Written> {
    let outcome: Promise<TransactionOutcome> | undefined
    try {
      const results = await this.#transaction(async (manager) => {
        const tx = storage.within(manager)
        outcome = tx.outcome
        if (note !== undefined) await manager.query(`INSERT INTO ${TABLE} (id) VALUES ('${note}')`)
        return write(tx)
      })
      return { results, cacheInvalidated: (await outcome)?.cacheInvalidated ?? false }
    } catch (error) {
      const late = { status: 'unknown' as const }
      const ended = outcome && (await Promise.race([outcome, sleep(OUTCOME_MS, late, { ref: false })]))
      throw reasonOf(error, ended?.status ?? 'rolled back')
    }
  }

  async #transaction<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    const runner = this.dataSource.createQueryRunner()
    const timer = setTimeout(() => cut(runner), LONGEST_MS)
    try {
      await runner.startTransaction()
      const value = await work(runner.manager)
      await runner.commitTransaction()
      return value
    } catch (error) {
      await runner.rollbackTransaction().catch(() => undefined)
      throw error
    } finally {
      clearTimeout(timer)
      await runner.release().catch(() => undefined)
    }
  }
}

function optionsOf(url: string): DataSourceOptions {
  const { connectTimeoutMs = 0, poolSize = 0 } = DATABASE
  return url.startsWith('postgres')
    ? {
        type: 'postgres',
        url,
        poolSize,
        connectTimeoutMS: connectTimeoutMs,
        entities: larderEntities('postgres'),
      }
    : {
        type: 'mariadb',
        url,
        poolSize,
        connectTimeout: connectTimeoutMs,
        entities: larderEntities('mariadb'),
      }
}

/** By what has become of the transaction: the errors of a commit are the driver's own. */
function reasonOf(cause: unknown, status: TransactionOutcome['status']): StorageError {
  const message = cause instanceof Error ? cause.message : String(cause)
  if (status !== 'rolled back') return new StorageError('E_OUTCOME_UNKNOWN', message, { cause })
  if (isStorageError(cause) && cause.code !== 'E_OUTCOME_UNKNOWN') return cause
  return new StorageError('E_ABORTED', message, { cause })
}

/** A connection that the server ends between two listeners, the pool's and TypeORM's, would end the process. */
function survive({ driver }: DataSource): void {
  const { master } = driver as unknown as { readonly master: EventEmitter }
  master.on('connect', (client: EventEmitter) => void client.on('error', () => undefined))
}

interface Socketed {
  readonly stream?: { destroy(error: Error): void }
  readonly connection?: { readonly stream: { destroy(error: Error): void } }
}

/** Ends the connection of a statement that has no answer. */
function cut(runner: QueryRunner): void {
  const connected = runner.connect() as Promise<Socketed>
  connected
    .then(({ stream, connection }) => (connection?.stream ?? stream)?.destroy(new Error('No answer came')))
    .catch(() => undefined)
}

import {
  type JournalRow,
  type Outbox,
  type OutboxTransaction,
  type ClaimOptions,
  claimCall,
} from '@larder/storage-core/driver'
import {
  optionTable,
  required,
  resolveOptions,
  typedOption,
  wrongType,
  type OptionsOf,
} from '@larder/storage-core/base'
import type { DataSource } from 'typeorm'
import { ClosableSource, type ConnectionSource, SqliteSource } from './connections/index.js'
import { isDataSource } from './typeorm-marks.js'
import { familyOf, TABLE_OPTIONS, type TableOptions, tablePrefixOf } from './entities/index.js'
import { Journal } from './journal.js'
import { makeOutbox, pathsFor } from './migrations/index.js'
import { guardPool, Opened, openSource, underMigrationLock } from './opening/index.js'
import { DEFAULT_SETTINGS } from './options.js'
import { toStorageError } from './sql-errors.js'
import { type OpenTransaction, Transactions } from './transactions/index.js'

/** What `SqlOutbox.open` takes. */
export const SQL_OUTBOX_OPTIONS = optionTable({
  ...TABLE_OPTIONS,
  /** The program's own, initialised. It stays open. */
  dataSource: required(typedOption('a DataSource', isDataSource)),
})

/** What `SqlOutbox.open` takes. */
export type SqlOutboxOptions = OptionsOf<typeof SQL_OUTBOX_OPTIONS>

/** Makes the table of the outbox where it is missing; `outboxMigrations` does the same as a migration. */
export async function installOutbox(dataSource: DataSource, options: TableOptions = {}): Promise<void> {
  if (!isDataSource(dataSource)) throw wrongType('dataSource', 'a DataSource', dataSource)
  const prefix = tablePrefixOf('installOutbox', options)
  const family = familyOf(dataSource.options.type)
  try {
    await underMigrationLock(dataSource, prefix, DEFAULT_SETTINGS, (runner) =>
      makeOutbox(runner, family, prefix),
    )
  } catch (error) {
    throw toStorageError(error)
  }
}

/**
 * An outbox in the program's own database, for programs that have no `SqlStorage`: give it to a `QueryCache`. Its table
 * comes from `installOutbox` or `outboxMigrations`. A `SqlStorage` is an outbox itself.
 */
export class SqlOutbox implements Outbox, AsyncDisposable {
  readonly #source: ConnectionSource
  readonly #transactions: Transactions
  readonly #journal: Journal
  readonly #joined = new WeakMap<OpenTransaction, OutboxTransaction>()

  private constructor(source: ConnectionSource, transactions: Transactions, journal: Journal) {
    this.#source = source
    this.#transactions = transactions
    this.#journal = journal
  }

  static async open(options: SqlOutboxOptions): Promise<SqlOutbox> {
    const resolved = resolveOptions('SqlOutbox.open()', SQL_OUTBOX_OPTIONS, options)
    const { dataSource, tablePrefix: prefix } = resolved
    familyOf(dataSource.options.type)
    const settings = DEFAULT_SETTINGS
    const opened = new Opened()
    try {
      guardPool(dataSource)
      const inner = await openSource(dataSource, true, prefix, settings, opened)
      const source = new ClosableSource(inner)
      const tables = pathsFor(dataSource, prefix)
      const transactions = new Transactions(dataSource, source, settings, tables.journal)
      const outbox = new SqlOutbox(source, transactions, new Journal(source, tables))
      await outbox.claim({ olderThanMs: 0, limit: 1 }, async () => [])
      transactions.open(outbox, inner instanceof SqliteSource ? inner.turns : undefined)
      return outbox
    } catch (error) {
      await opened.abandon()
      throw error instanceof TypeError ? error : toStorageError(error)
    }
  }

  within(manager: object): OutboxTransaction {
    const open = this.#transactions.join(manager)
    const joined = this.#joined.get(open) ?? {
      journal: (keys) => open.run((connection) => this.#journal.add(connection, keys), undefined),
      enlist: (participant) => open.steps.enlist(participant),
    }
    this.#joined.set(open, joined)
    return joined
  }

  acknowledge(journalIds: readonly string[]): Promise<void> {
    return this.#journal.acknowledge(journalIds)
  }

  async claim(
    options: ClaimOptions,
    work: (rows: readonly JournalRow[]) => Promise<readonly string[]>,
  ): Promise<number> {
    return this.#journal.claim(claimCall(options, work), work, options.signal)
  }

  /** The data source stays open. */
  async close(): Promise<void> {
    this.#transactions.close()
    await this.#source.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

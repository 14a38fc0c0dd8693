import type { DataSource } from 'typeorm'
import { StorageError } from '@larder/storage-core'
import {
  booleanOption,
  durationOption,
  functionOption,
  optionTable,
  resolveOptions,
  type OptionsOf,
} from '@larder/storage-core/base'
import { type Change, ChangeLog } from '../change-log.js'
import { ClosableSource, type ConnectionSource, type Listener } from '../connections/index.js'
import { TABLE_OPTIONS } from '../entities/index.js'
import { pathsFor } from '../migrations/index.js'
import { listenerOf, openDatabase, openSource } from '../opening/index.js'
import { toStorageError } from '../sql-errors.js'
import type { SqlStorage } from '../sql-storage.js'
import {
  ChangeHandler,
  type Handled,
  type TableChangesHandler,
  type TableInvalidator,
} from './change-handler.js'
import { errorReports } from './error-reports.js'
import { TriggerCheck, triggersGone } from './trigger-check.js'
import { checkTableNames, TABLE_NAMES } from './watch-tables.js'

const ROWS_AT_ONCE = 1_000
const WOKEN_SPREAD_MS = 10

/** What `onTableChanges` can be told. */
export const TABLE_CHANGES_OPTIONS = optionTable({
  ...TABLE_OPTIONS,
  /** Only these tables; others' changes are left to others. Default: all that are watched. */
  tables: TABLE_NAMES,
  /** How often the database is asked, in milliseconds. Default: 1,000. */
  intervalMs: durationOption(1_000),
  /** On PostgreSQL: learns of changes at once, by a connection of its own. Default: true. */
  listen: booleanOption(true),
  /**
   * How often it is checked that the triggers are still there, in milliseconds. Tools that rebuild a table lose them:
   * then the handler is called with that table, as changes may have been missed, and `onError`, until `watchTables`
   * has installed them again. Default: 60,000.
   */
  checkIntervalMs: durationOption(60_000),
  /**
   * Called with what kept a change from being handled, which is tried again, with triggers that are gone, and at the
   * start with tables that nobody watches or that the handler does not know. Default: a process warning with the code
   * `LARDER_TABLE_CHANGES`, once for each kind of error.
   */
  onError: functionOption<(error: unknown) => void>(),
})

/** What `onTableChanges` can be told. */
export type TableChangesOptions = OptionsOf<typeof TABLE_CHANGES_OPTIONS>

type Intervals = Readonly<Record<'intervalMs' | 'checkIntervalMs', number>>

/**
 * Calls `handler` with the tables whose changes were committed, as `watchTables` records them: at least once, also
 * for what was committed while nobody listened, and by whichever process comes first. The record of a change is
 * dropped only once `handler` has resolved; until then it stays in the database, for any process with a subscription.
 * A change that is committed while `handler` runs is told again. If `handler` rejects for several tables, it is called
 * for each of them alone, so that one which it cannot handle keeps no other from being handled.
 *
 * `handler` may be a cache with `invalidateTables`, such as `MemcacheQueryResultCache`: then changes of tables that it
 * does not know are left to others.
 *
 * All subscriptions to one database (and `tablePrefix`) share the changes: enough where what they void is shared as
 * well, as in a memcached. Rejects as `SqlStorage.open` does.
 */
export async function onTableChanges(
  target: DataSource | SqlStorage,
  handler: TableChangesHandler | TableInvalidator,
  options: TableChangesOptions = {},
): Promise<TableSubscription> {
  const changeHandler = new ChangeHandler(handler)
  const resolved = resolveOptions('onTableChanges', TABLE_CHANGES_OPTIONS, options)
  const { intervalMs, checkIntervalMs, listen, onError } = resolved
  const subjects = resolved.tables && checkTableNames(resolved.tables)
  const database = await openDatabase(target, resolved.tablePrefix)
  const { dataSource, prefix, settings, opened } = database
  try {
    const owned =
      database.source === undefined
        ? new ClosableSource(await openSource(dataSource, true, prefix, settings, opened))
        : undefined
    const source: ConnectionSource = owned ?? (database.source as ConnectionSource)
    const ownListener = owned && listen ? listenerOf(dataSource, prefix) : undefined
    const listener = ownListener ?? (listen ? database.listener : undefined)
    const changes = new ChangeLog(source, pathsFor(dataSource, prefix).change)
    await changes.check()
    return new TableSubscription(
      changes,
      subjects ?? changeHandler.known,
      changeHandler,
      { intervalMs, checkIntervalMs },
      new TriggerCheck(source, prefix, subjects),
      onError,
      listener,
      async () => {
        await ownListener?.close()
        await owned?.close()
        await opened.close()
      },
    )
  } catch (error) {
    await opened.abandon()
    throw toStorageError(error)
  }
}

/** What `onTableChanges` resolves to. It does not keep the process alive. */
export class TableSubscription implements AsyncDisposable {
  readonly #changes: ChangeLog
  readonly #subjects: readonly string[] | undefined
  readonly #handler: ChangeHandler
  readonly #intervals: Intervals
  readonly #triggers: TriggerCheck
  readonly #onError: (error: unknown) => void
  readonly #release: () => Promise<void>
  readonly #unsubscribe: (() => void) | undefined
  /** A look is to come that sees what was told. */
  #isWoken = false
  #checkAt = 0
  #hasNamedUnknown = false
  #timer: NodeJS.Timeout | undefined
  #pass: Promise<void> = Promise.resolve()
  #closing: Promise<void> | undefined

  /** @internal */
  constructor(
    changes: ChangeLog,
    subjects: readonly string[] | undefined,
    handler: ChangeHandler,
    intervals: Intervals,
    triggers: TriggerCheck,
    onError: ((error: unknown) => void) | undefined,
    listener: Listener | undefined,
    release: () => Promise<void>,
  ) {
    this.#changes = changes
    this.#subjects = subjects
    this.#handler = handler
    this.#intervals = intervals
    this.#triggers = triggers
    this.#onError = errorReports(onError)
    this.#release = release
    this.#wait(0)
    this.#unsubscribe = listener?.subscribe(() => {
      if (this.#isWoken) return
      this.#isWoken = true
      // Not all processes at once.
      this.#wait(WOKEN_SPREAD_MS * Math.random())
    })
  }

  /**
   * Hands over what is committed by now, without waiting for the interval, and waits until it is handled. Rejects as
   * the handler does, or the database.
   */
  async flush(): Promise<void> {
    if (this.#closing !== undefined) throw new StorageError('E_CLOSED', 'The subscription is closed')
    await this.#next()
  }

  /** Waits for what is being handled. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.#unsubscribe?.()
    clearTimeout(this.#timer)
    await this.#pass
    await this.#release()
  }

  #wait(ms: number): void {
    clearTimeout(this.#timer)
    if (this.#closing !== undefined) return
    this.#timer = setTimeout(() => {
      this.#next().catch(this.#onError)
    }, ms).unref()
  }

  /** One pass behind the one that is under way, which may have looked already. */
  #next(): Promise<void> {
    clearTimeout(this.#timer)
    const next = this.#pass
      .then(() => {
        this.#isWoken = false
        return this.#handleAll()
      })
      .then(() => this.#checkTriggers())
      .finally(() => {
        this.#wait(this.#isWoken ? WOKEN_SPREAD_MS : this.#intervals.intervalMs * (0.75 + Math.random() / 2))
      })
    this.#pass = next.catch(() => undefined)
    return next
  }

  /** Not what ends a pass: the changes that are recorded are handled all the same. */
  async #checkTriggers(): Promise<void> {
    const now = performance.now()
    if (now < this.#checkAt) return
    this.#checkAt = now + this.#intervals.checkIntervalMs
    try {
      const tables = await this.#triggers.missing()
      this.#nameUnknown()
      if (tables.length === 0) return
      await this.#handler.tables(tables)
      throw triggersGone(tables)
    } catch (error) {
      this.#onError(error)
    }
  }

  async #handleAll(): Promise<void> {
    const request = { of: 'tables', subjects: this.#subjects, limit: ROWS_AT_ONCE } as const
    let failure: Handled['failure']
    const work = async (changes: readonly Change[]) => {
      const handled = await this.#handler.changes(changes)
      failure = handled.failure
      return handled.done
    }
    let found: number
    do {
      found = await this.#changes.handle(request, work, undefined)
      if (failure !== undefined) throw failure.reason
    } while (found === ROWS_AT_ONCE)
  }

  /** Once, at the start. */
  #nameUnknown(): void {
    if (this.#hasNamedUnknown) return
    this.#hasNamedUnknown = true
    for (const error of this.#triggers.unknown(this.#handler.known)) this.#onError(error)
  }
}

import {
  assertConditions,
  etagOf,
  isStorageError,
  OutcomeUnknownError,
  PART_NAMES,
  type PartName,
  type PendingWrite,
  StorageError,
  throwIfAborted,
  type TransactionHook,
  untilAborted,
  type WriteRequest,
  type WriteResult,
} from '@larder/storage-core'
import type { Bodies } from './bodies.js'
import type { Clock } from '../clock.js'
import type { Connection } from '../connections/connection.js'
import type { TakenContent } from './content-intake.js'
import { numberOf, type Statement, statement, type Value } from '../dialects/statement.js'
import type { Journal } from '../journal.js'
import type { Settings } from '../options.js'
import {
  contentColumns,
  insertRow,
  type LockedRow,
  lockedRow,
  metadataColumns,
  selectForWrite,
  updateRow,
} from './resource-row.js'
import { collision, isConnectionLost, isInDoubt, staleConnection } from '../sql-errors.js'
import type { TablePaths } from '../tables.js'

/** What a write does, once its streams have been read. */
export interface WriteJob {
  readonly request: WriteRequest
  readonly content: TakenContent | undefined
  readonly metadata: 'remove' | Uint8Array | undefined
  readonly signal: AbortSignal | undefined
}

interface Plan {
  readonly pending: PendingWrite
  readonly modifiedUs: number
  readonly change: Statement
}

/** Runs the transaction of a write, once. */
export class Writer {
  readonly #tables: TablePaths
  readonly #journal: Journal
  readonly #bodies: Bodies
  readonly #clock: Clock
  readonly #settings: Settings
  #floor = 0

  constructor(tables: TablePaths, journal: Journal, bodies: Bodies, clock: Clock, settings: Settings) {
    this.#tables = tables
    this.#journal = journal
    this.#bodies = bodies
    this.#clock = clock
    this.#settings = settings
  }

  /** Rejects with an error that `isCollision` or `isStale` where it may be repeated. */
  async run(connection: Connection, job: WriteJob): Promise<WriteResult> {
    const deadline = performance.now() + this.#settings.transactionTimeoutMs
    try {
      const before = await this.#lock(connection, job)
      assertConditions(job.request.info, job.request.conditions, (part) => before?.versions[part])
      const plan = this.#plan(connection, job, before)
      if (plan === undefined) {
        await connection.rollback()
        return unchanged(this.#clock())
      }
      const journalId = await this.#change(connection, job, before, plan)
      const commitBefore = await this.#callHook(job, plan.pending, deadline)
      await this.#commit(connection, job, commitBefore)
      return resultOf(plan, journalId)
    } catch (error) {
      await connection.rollback()
      throw error
    }
  }

  async #lock(connection: Connection, { request }: WriteJob): Promise<LockedRow | undefined> {
    const { collection } = request.info
    const select = selectForWrite(this.#tables, collection, nameOf(request), connection.dialect.forUpdate)
    try {
      const [outcome] = await connection.begin(select)
      const row = outcome?.rows[0]
      return row && lockedRow(row)
    } catch (error) {
      throw isStorageError(error) && isConnectionLost(error) ? staleConnection(error) : error
    }
  }

  #plan(connection: Connection, job: WriteJob, before: LockedRow | undefined): Plan | undefined {
    const { info, changes } = job.request
    const written = PART_NAMES.filter((part) => changes[part] !== undefined && changes[part] !== 'remove')
    const removed = PART_NAMES.filter((part) => changes[part] === 'remove' && has(before, part))
    if (written.length + removed.length === 0) return undefined
    const version = (before?.version ?? this.#floor) + 1
    const live = PART_NAMES.some(
      (part) => written.includes(part) || (has(before, part) && !removed.includes(part)),
    )
    const wasLive = PART_NAMES.some((part) => has(before, part))
    // The clock of another writer, or of another day, may have been ahead.
    const modifiedUs = Math.max(this.#clock(), (before?.modifiedUs ?? 0) + 1)
    const columns = this.#columns(job, version, modifiedUs, before?.live, live ? 1 : 0)
    const change =
      before === undefined
        ? insertRow(
            this.#tables,
            connection.dialect.orCollide,
            info.collection,
            nameOf(job.request),
            version,
            columns,
          )
        : updateRow(this.#tables, info.collection, nameOf(job.request), columns)
    const pending = { info, version, written, removed, created: !wasLive, emptied: wasLive && !live }
    return { pending, modifiedUs, change }
  }

  #columns(
    { content, metadata }: WriteJob,
    version: number,
    modifiedUs: number,
    wasLive: number | undefined,
    live: number,
  ): Map<string, Value> {
    return new Map<string, Value>([
      ['version', version],
      // SQLite writes the indexes of what is set, whether it differs or not.
      ...(live === wasLive ? [] : [['live', live] as const]),
      ['modified_us', modifiedUs],
      ...(content === undefined ? [] : contentColumns(content, version, modifiedUs)),
      ...(metadata === undefined ? [] : metadataColumns(metadata, version, modifiedUs)),
    ])
  }

  async #change(
    connection: Connection,
    { request, content }: WriteJob,
    before: LockedRow | undefined,
    { pending, change }: Plan,
  ): Promise<string | undefined> {
    const keys = request.transaction?.journal
    const around = this.#journal.around(change, pending, keys)
    const outcomes = await connection.runAll(around.statements)
    const journaled = outcomes[around.journaled]
    if (outcomes[around.changed]?.affected !== 1) {
      if (before === undefined) await this.#learnFloor(connection)
      throw collision('Another writer made the resource at the same time, or the collection is gone')
    }
    if (typeof content === 'object' && content.body !== undefined) {
      await this.#bodies.adopt(connection, content.body)
    }
    if (content !== undefined && before?.contentBody !== undefined) {
      await this.#bodies.abandon(connection, before.contentBody)
    }
    return journaled && this.#journal.idOf(journaled)
  }

  /** Where others deleted rows, new ones begin above all versions of before. */
  async #learnFloor(connection: Connection): Promise<void> {
    const { rows } = await connection.run(
      statement(`SELECT MAX(version) AS version FROM ${this.#tables.floor}`),
    )
    this.#floor = Math.max(this.#floor, numberOf(rows[0]?.['version'] ?? 0))
  }

  /** Resolves to the instant before which the commit must be sent. */
  async #callHook({ request, signal }: WriteJob, pending: PendingWrite, deadline: number): Promise<number> {
    const { info, transaction } = request
    if (transaction === undefined) return deadline
    const terms = await untilAborted(hookWithin(transaction, pending, deadline), signal, info.key)
    return Math.min(deadline, terms?.commitBefore ?? Infinity)
  }

  async #commit(connection: Connection, { request, signal }: WriteJob, before: number): Promise<void> {
    const { key } = request.info
    throwIfAborted(signal, key)
    // Not the other way round: a hook's NaN is no deadline that is never reached.
    if (!(performance.now() < before)) throw tooLate(key)
    try {
      await connection.commit()
    } catch (error) {
      if (!isInDoubt(error)) throw error
      throw new OutcomeUnknownError('Whether the write was committed is unknown: no answer came', {
        key,
        cause: error,
      })
    }
  }
}

async function hookWithin(
  hook: TransactionHook,
  pending: PendingWrite,
  deadline: number,
): ReturnType<TransactionHook['beforeCommit']> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const told = 'The hook outlived the time of its transaction. Does it wait for its own storage?'
    timer = setTimeout(
      () => reject(tooLate(pending.info.key, told)),
      Math.max(0, deadline - performance.now()),
    )
  })
  try {
    return await Promise.race([hook.beforeCommit(pending), late])
  } finally {
    clearTimeout(timer)
  }
}

function has(row: LockedRow | undefined, part: PartName): boolean {
  return row?.versions[part] !== undefined
}

function nameOf({ info }: WriteRequest): string {
  if (info.resource === undefined) throw new TypeError('A resource is needed')
  return info.resource
}

function tooLate(key: string, told = 'The transaction outlived the time it was given'): StorageError {
  return new StorageError('E_TIMEOUT', told, { key })
}

/** What removing nothing resolves to. */
function unchanged(atMicros: number): WriteResult {
  const modifiedAt = new Date(Math.floor(atMicros / 1_000))
  return { changed: false, version: 0, etag: etagOf(0), modifiedAt, created: false, emptied: false }
}

function resultOf({ pending, modifiedUs }: Plan, journalId: string | undefined): WriteResult {
  const { version, created, emptied } = pending
  return {
    changed: true,
    version,
    etag: etagOf(version),
    modifiedAt: new Date(Math.floor(modifiedUs / 1_000)),
    created,
    emptied,
    journalId,
  }
}

import {
  isStorageError,
  OutcomeUnknownError,
  PART_NAMES,
  type PartName,
  type WriteResult,
} from '@larder/storage-core'
import {
  assertConditions,
  callHooks,
  compareNames,
  etagOf,
  type HookCall,
  type PendingWrite,
  throwIfAborted,
  tooLate,
  type WriteRequest,
} from '@larder/storage-core/driver'
import type { ContentChunks } from './content-chunks.js'
import type { Clock } from '../clock.js'
import type { Connection } from '../connections/index.js'
import type { TakenWrite } from './content-intake.js'
import { numberOf, type Statement, statement, type Value } from '../dialects/index.js'
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
import { collision, isConnectionLost, staleConnection } from '../sql-errors.js'
import type { TablePaths } from '../tables.js'

interface Plan {
  readonly job: TakenWrite
  readonly before: LockedRow | undefined
  readonly pending: PendingWrite
  readonly modifiedUs: number
  readonly change: Statement
}

/** Writes that are not committed yet. */
export interface ChangedWrites {
  readonly results: WriteResult[]
  readonly calls: readonly HookCall[]
}

/** Runs the transaction of one write or of several, once. */
export class Writer {
  readonly #tables: TablePaths
  readonly #journal: Journal
  readonly #chunks: ContentChunks
  readonly #clock: Clock
  readonly #settings: Settings
  #floor = 0

  constructor(tables: TablePaths, journal: Journal, chunks: ContentChunks, clock: Clock, settings: Settings) {
    this.#tables = tables
    this.#journal = journal
    this.#chunks = chunks
    this.#clock = clock
    this.#settings = settings
  }

  /**
   * Resolves to the results in the order of the jobs. Rejects with an error that `isCollision` or `isStale` where it may
   * be repeated.
   */
  async run(
    connection: Connection,
    jobs: readonly TakenWrite[],
    signal: AbortSignal | undefined,
  ): Promise<WriteResult[]> {
    const deadline = performance.now() + this.#settings.transactionTimeoutMs
    const key = keyOf(jobs)
    try {
      const { results, calls } = await this.change(connection, jobs)
      if (calls.length === 0) {
        await connection.rollback()
        return results
      }
      const commitBefore = await callHooks(calls, signal, deadline)
      await this.#commit(connection, key, signal, commitBefore)
      return results
    } catch (error) {
      await connection.rollback()
      throw error
    }
  }

  /**
   * Begins the transaction of the connection, locks the rows, checks the conditions and changes the rows. Resolves to what
   * the writes result in once they are committed, and to the hooks of those that change anything.
   */
  async change(connection: Connection, jobs: readonly TakenWrite[]): Promise<ChangedWrites> {
    const rows = await this.#lock(connection, jobs)
    for (const [i, { request }] of jobs.entries())
      assertConditions(request.info, request.conditions, (part) => rows[i]?.versions[part])
    const plans = this.#plans(connection, jobs, rows)
    const changing = plans.filter((plan) => plan !== undefined)
    const journalIds =
      changing.length === 0 ? new Map<Plan, string | undefined>() : await this.#change(connection, changing)
    const results = plans.map((plan) =>
      plan === undefined ? unchanged(this.#clock()) : resultOf(plan, journalIds.get(plan)),
    )
    return { results, calls: changing.map(callOf) }
  }

  /** All writers lock in the same order, so that none of two waits for the other. */
  async #lock(
    connection: Connection,
    jobs: readonly TakenWrite[],
  ): Promise<readonly (LockedRow | undefined)[]> {
    const { forUpdate } = connection.dialect
    const order = [...jobs].sort(compareWrites)
    const [first, ...rest] = order.map(({ request }) =>
      selectForWrite(this.#tables, request.info.collection, nameOf(request), forUpdate),
    )
    if (first === undefined) throw new TypeError('There is nothing to write')
    try {
      const outcomes = [...(await connection.begin(first))]
      if (rest.length > 0) outcomes.push(...(await connection.runAll(rest)))
      const found = new Map(order.map((job, i) => [job, outcomes[i]?.rows[0]]))
      return jobs.map((job) => {
        const row = found.get(job)
        return row && lockedRow(row)
      })
    } catch (error) {
      throw isStorageError(error) && isConnectionLost(error) ? staleConnection(error) : error
    }
  }

  /** Undefined where nothing would change. Times have the order of the jobs. */
  #plans(
    connection: Connection,
    jobs: readonly TakenWrite[],
    rows: readonly (LockedRow | undefined)[],
  ): (Plan | undefined)[] {
    let lastUs = 0
    return jobs.map((job, i) => {
      const plan = this.#plan(connection, job, rows[i], lastUs)
      lastUs = plan?.modifiedUs ?? lastUs
      return plan
    })
  }

  #plan(
    connection: Connection,
    job: TakenWrite,
    before: LockedRow | undefined,
    lastUs: number,
  ): Plan | undefined {
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
    const modifiedUs = Math.max(this.#clock(), (before?.modifiedUs ?? 0) + 1, lastUs + 1)
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
        : updateRow(this.#tables, info.collection, nameOf(job.request), before.version, columns)
    const pending = { info, version, written, removed, created: !wasLive, emptied: wasLive && !live }
    return { job, before, pending, modifiedUs, change }
  }

  #columns(
    { content, metadata }: TakenWrite,
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

  /** In the order of the locks, since new rows have none. Resolves to the rows of the journal. */
  async #change(
    connection: Connection,
    plans: readonly Plan[],
  ): Promise<ReadonlyMap<Plan, string | undefined>> {
    const sorted = [...plans].sort((a, b) => compareWrites(a.job, b.job))
    let wasJournaled = false
    const changes = sorted.map((plan) => {
      const keys = plan.job.request.transaction?.journal
      const around = this.#journal.around(plan.change, plan.pending, keys, wasJournaled)
      wasJournaled = keys !== undefined
      return { plan, ...around }
    })
    const outcomes = await connection.runAll(changes.flatMap(({ statements }) => statements))
    const journalIds = new Map<Plan, string | undefined>()
    let start = 0
    for (const { plan, statements, changed, journaled } of changes) {
      if (outcomes[start + changed]?.affected !== 1) {
        if (plan.before === undefined) await this.#learnFloor(connection)
        throw collision('Another writer made the resource at the same time, or the collection is gone')
      }
      const row = journaled === -1 ? undefined : outcomes[start + journaled]
      journalIds.set(plan, row && this.#journal.idOf(row))
      start += statements.length
    }
    for (const plan of plans) await this.#exchangeBodies(connection, plan)
    return journalIds
  }

  async #exchangeBodies(connection: Connection, { job: { content }, before }: Plan): Promise<void> {
    if (typeof content === 'object' && content.body !== undefined) {
      await this.#chunks.adopt(connection, content.body)
    }
    if (content !== undefined && before?.contentBody !== undefined) {
      await this.#chunks.abandon(connection, before.contentBody)
    }
  }

  /** Where others deleted rows, new ones begin above all versions of before. */
  async #learnFloor(connection: Connection): Promise<void> {
    const { rows } = await connection.run(
      statement(`SELECT MAX(version) AS version FROM ${this.#tables.floor}`),
    )
    this.#floor = Math.max(this.#floor, numberOf(rows[0]?.['version'] ?? 0))
  }

  async #commit(
    connection: Connection,
    key: string | undefined,
    signal: AbortSignal | undefined,
    before: number,
  ): Promise<void> {
    throwIfAborted(signal, key)
    // Not the other way round: a hook's NaN is no deadline that is never reached.
    if (!(performance.now() < before)) throw tooLate(key)
    try {
      await connection.commit()
    } catch (error) {
      if (!isStorageError(error, 'E_OUTCOME_UNKNOWN')) throw error
      throw new OutcomeUnknownError(error.message, { key, cause: error.cause })
    }
  }
}

function has(row: LockedRow | undefined, part: PartName): boolean {
  return row?.versions[part] !== undefined
}

function nameOf({ info }: WriteRequest): string {
  if (info.resource === undefined) throw new TypeError('A resource is needed')
  return info.resource
}

function callOf({ job, pending }: Plan): HookCall {
  return { hook: job.request.transaction, pending }
}

/** What errors name. */
function keyOf(jobs: readonly TakenWrite[]): string | undefined {
  return jobs[0]?.request.info.key
}

/** By their names, which all writers know. */
function compareWrites(a: TakenWrite, b: TakenWrite): number {
  const [one, other] = [a.request.info, b.request.info]
  return (
    compareNames(one.collection, other.collection) || compareNames(one.resource ?? '', other.resource ?? '')
  )
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

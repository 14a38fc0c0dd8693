import {
  type CallOptions,
  type ExistsOptions,
  OutcomeUnknownError,
  type ReadManyOptions,
  type ResourceInfo,
  type ResourceWrite,
  StorageError,
  type StorageTransaction,
  type StoredPart,
  type TransactionOptions,
  type TransactionResult,
  type WriteOptions,
  type WriteResult,
} from '@larder/storage-core'
import {
  type JournalRow,
  type Participant,
  type PutArguments,
  type TransactionHook,
  type ClaimOptions,
} from '@larder/storage-core/driver'
import type { ListPage, PageOptions, Storage } from '@larder/storage-core'
import { ForwardingStorage } from '@larder/storage-core/testing'
import { asRole, currentRole } from './coverage.js'
import { SimTransaction } from './sim-transaction.js'
import type { SimProcess } from './scheduler.js'
import type { Scene, SimServer } from './sim-server.js'

/** How long the rows stay with a relay that died. */
const CLAIM_MS = 30_000
const EXTERNAL_BATCH = 100
/** What marks many resources is told of none. */
const NOTHING = Object.freeze({}) as Pending
/** Long enough for others to write several times. */
const LONGEST_PAUSE_STEPS = 60
/** How many members a page of a listing has. */
const PAGE = 1

export interface SimStorageOptions {
  /** How likely a transaction is rolled back by the database. */
  readonly rollbacks: number
  /** How likely a transaction takes seconds, with its row locked. */
  readonly slowTransactions: number
  /** How likely the answer to a commit is lost. */
  readonly lostCommits: number
  /** How likely a commit is answered with an error of a middleman, whether it was executed or not. */
  readonly middlemanErrors: number
  /** How likely a middleman answers so before the commit is executed. */
  readonly lateCommits: number
  /** How likely a process pauses behind a commit, while others take some steps. */
  readonly pauses: number
  readonly servers: readonly SimServer[]
  /** Where a part of a resource is cached. */
  readonly keyOf: (info: ResourceInfo) => string
}

type Pending = Parameters<NonNullable<WriteOptions['transaction']>['beforeCommit']>[0]

/** A database of the simulated world as one process sees it: it can be slow anywhere, and die with the process. */
export class SimStorage extends ForwardingStorage {
  readonly #scene: Scene
  readonly #process: SimProcess
  readonly #options: SimStorageOptions
  lastStep: string | undefined

  constructor(inner: Storage, scene: Scene, process: SimProcess, options: SimStorageOptions) {
    super(inner)
    this.#scene = scene
    this.#process = process
    this.#options = options
  }

  override async getMany(
    infos: readonly ResourceInfo[],
    options?: ReadManyOptions,
  ): Promise<(StoredPart | undefined)[]> {
    await this.#step('read')
    for (const info of infos) this.#visit('database: read', info)
    const found = await super.getMany(infos, options)
    await this.#step('read answered')
    return found
  }

  override async exists(info: ResourceInfo, options?: ExistsOptions): Promise<boolean> {
    await this.#step('look')
    const exists = await super.exists(info, options)
    await this.#step('look answered')
    return exists
  }

  override async page(collection: string, options?: PageOptions): Promise<ListPage> {
    await this.#step('list')
    // So few at once that a listing is built in several steps.
    const page = await super.page(collection, { ...options, limit: PAGE })
    await this.#step('list answered')
    return page
  }

  override put(info: ResourceInfo, ...[parts, options]: PutArguments): Promise<WriteResult> {
    return this.#write(info, textOf(parts.content), options, (own) =>
      super.put(info, ...([parts, own] as PutArguments)),
    )
  }

  override putContent(info: ResourceInfo, content: Uint8Array, options?: WriteOptions): Promise<WriteResult> {
    return this.put(info, { content }, options)
  }

  override removeMetaData(info: ResourceInfo, options?: WriteOptions): Promise<WriteResult> {
    return this.#write(info, undefined, options, (own) => super.removeMetaData(info, own))
  }

  override removeContent(info: ResourceInfo, options?: WriteOptions): Promise<WriteResult> {
    return this.#write(info, undefined, options, (own) => super.removeContent(info, own))
  }

  override async writeMany(writes: readonly ResourceWrite[], options?: CallOptions): Promise<WriteResult[]> {
    await this.#step('begin')
    const done = new Map<string, Pending>()
    const gated = writes.map((write) => {
      const beforeCommit = async (pending: Pending) => {
        await this.#passHook(write.transaction, pending)
        done.set(this.#options.keyOf(write.info), pending)
      }
      return { ...write, transaction: { journal: write.transaction?.journal, beforeCommit } }
    })
    const results = await super.writeMany(gated, options)
    for (const write of writes) {
      const pending = done.get(this.#options.keyOf(write.info))
      if (pending !== undefined) this.#noteCommit(write.info, textOf(write.content), pending)
    }
    return this.#answer(results)
  }

  override async transaction<T>(
    work: (tx: StorageTransaction) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<TransactionResult<T>> {
    const { scheduler } = this.#scene
    await this.#step('begin')
    const commits: (() => void)[] = []
    let lost: OutcomeUnknownError | undefined
    const around = (participant: Participant): Participant => ({
      beforeCommit: () => this.#passHook({ beforeCommit: async () => participant.beforeCommit?.() }, NOTHING),
      afterCommit: async () => {
        for (const note of commits.splice(0)) note()
        if (scheduler.chance(this.#options.lostCommits)) {
          lost = new OutcomeUnknownError('No answer came to the commit')
          await participant.afterRollback?.(lost)
          return false
        }
        await this.#step('commit answered')
        return (await participant.afterCommit?.()) ?? true
      },
      afterRollback: async (reason) => participant.afterRollback?.(reason),
    })
    const world = {
      step: async () => void (await this.#orDead(scheduler.step('', this.#process))),
      written: (info: ResourceInfo, content: unknown, pending: Pending) =>
        void commits.push(() => this.#noteCommit(info, textOf(content), pending)),
      around,
    }
    // The database rolls back once the connection of a process is gone, whatever the process was waiting for.
    const whileAlive = (tx: StorageTransaction) => this.#orDead(work(new SimTransaction(tx, world)))
    const result = await super.transaction(whileAlive, options)
    if (lost !== undefined) throw lost
    return result
  }

  override async claim(
    options: ClaimOptions,
    work: (rows: readonly JournalRow[]) => Promise<readonly string[]>,
  ): Promise<number> {
    if (options.external === true) return asRole('relay', () => this.#claimExternal(work))
    return asRole('relay', () =>
      super.claim(options, async (rows) => {
        await this.#step(`claimed ${rows.length} rows`)
        const settled = work(rows).then(async (done) => {
          await this.#step(`settles ${done.length} rows`)
          return done
        })
        // The claim of a relay that dies ends by itself.
        const given = this.#process.died.then(async () => {
          await this.#scene.scheduler.sleep(CLAIM_MS)
          return []
        })
        return Promise.race([settled, given])
      }),
    )
  }

  override onExternalChange(wake: () => void): () => void {
    this.#scene.outsiders.listen(this.#process, wake)
    return () => undefined
  }

  async #claimExternal(work: (rows: readonly JournalRow[]) => Promise<readonly string[]>): Promise<number> {
    const rows = this.#scene.outsiders.claim(EXTERNAL_BATCH)
    if (rows.length === 0) return 0
    await this.#step(`claimed ${rows.length} external changes`)
    const done = await work(rows)
    await this.#step(`settles ${done.length} external changes`)
    this.#scene.outsiders.acknowledge(rows, done)
    return rows.length
  }

  async #write(
    info: ResourceInfo,
    text: string | undefined,
    options: WriteOptions | undefined,
    write: (options: WriteOptions) => Promise<WriteResult>,
  ): Promise<WriteResult> {
    await this.#step('begin')
    let giveUp: (error: Error) => void = () => undefined
    const givenUp = new Promise<never>((_, reject) => (giveUp = reject))
    const transaction = {
      journal: options?.transaction?.journal,
      beforeCommit: async (pending: Pending) => {
        await this.#passHook(options?.transaction, pending)
        await this.#commitLate(giveUp)
        this.#noteCommit(info, text, pending)
      },
    }
    const written = write({ ...options, transaction })
    return Promise.race([written.then((result) => this.#answer(result)), givenUp])
  }

  /** A middleman may lose the server before the commit is executed. */
  async #commitLate(giveUp: (error: Error) => void): Promise<void> {
    const { scheduler } = this.#scene
    if (!scheduler.chance(this.#options.lateCommits)) return
    giveUp(middlemanError())
    for (let left = scheduler.random() * LONGEST_PAUSE_STEPS; left > 0; left--)
      await this.#orDead(scheduler.step(''))
  }

  /** What can happen between a change and its commit. */
  async #passHook(hook: TransactionHook | undefined, pending: Pending): Promise<void> {
    const { scheduler } = this.#scene
    const terms = await this.#orDead(hook?.beforeCommit(pending))
    if (scheduler.chance(this.#options.slowTransactions))
      await this.#orDead(scheduler.sleep(1_000 + scheduler.random() * 12_000))
    // A database rolls back what a process leaves open when it dies.
    await this.#orDead(scheduler.step('', this.#process))
    if (this.#process.isDead || scheduler.chance(this.#options.rollbacks)) throw new Rollback('rolled back')
    if (scheduler.chance(this.#options.middlemanErrors / 2)) throw middlemanError()
    if (scheduler.chance(this.#options.lostCommits / 2))
      throw new OutcomeUnknownError('No answer came to the commit, which failed')
    if (scheduler.nowMs >= (terms?.commitBefore ?? Infinity))
      throw new StorageError('E_TIMEOUT', 'The transaction outlived the time it was given')
  }

  #noteCommit(info: ResourceInfo, text: string | undefined, pending: Pending): void {
    this.#visit('database: commit', info)
    this.#scene.scheduler.note(
      `${this.#process.name}: database: commit ${info.resource} as ${pending.version}`,
    )
    this.#scene.committed.set(this.#options.keyOf(info), pending)
    if (text !== undefined) this.#scene.commits.set(text, pending.version)
  }

  async #answer<T>(written: T): Promise<T> {
    const { scheduler } = this.#scene
    this.lastStep = 'database: commit'
    if (scheduler.chance(this.#options.lostCommits)) {
      await this.#step('commit without an answer')
      throw new OutcomeUnknownError('No answer came to the commit')
    }
    if (scheduler.chance(this.#options.middlemanErrors)) {
      await this.#step('commit answered by a middleman')
      throw middlemanError()
    }
    await this.#step('commit answered')
    if (scheduler.chance(this.#options.pauses)) await this.#pause()
    return written
  }

  async #pause(): Promise<void> {
    const { scheduler } = this.#scene
    scheduler.note(`PAUSE of ${this.#process.name}`)
    for (let left = scheduler.random() * LONGEST_PAUSE_STEPS; left > 0; left--) await scheduler.step('')
    scheduler.note(`${this.#process.name} GOES ON`)
  }

  #visit(step: string, info: ResourceInfo): void {
    if (!this.#scene.scheduler.isWatched) return
    const key = this.#options.keyOf(info)
    const states = this.#options.servers.map((server) => server.stateOf(key))
    const state = states.find((found) => !found.startsWith('no ')) ?? 'no part'
    const role = step === 'database: commit' ? '' : ` (${currentRole()})`
    this.#scene.visit(step + role, state)
  }

  #step(label: string): Promise<void> {
    this.lastStep = `database: ${label.replace(/\d+/, '')}`
    return this.#scene.scheduler.step(`${this.#process.name}: database: ${label}`, this.#process)
  }

  /** What is waited for with a row locked, or the end of the process if that comes first. */
  #orDead<T>(work: Promise<T> | T): Promise<T> {
    const rolledBack = this.#process.died.then(() => {
      throw new Rollback('rolled back: the process died')
    })
    return Promise.race([work, rolledBack])
  }
}

function textOf(content: unknown): string | undefined {
  return content instanceof Uint8Array ? Buffer.from(content).toString() : undefined
}

/** Neither the storage nor its driver knows what it means. */
function middlemanError(): Error {
  return new Error('unable to read data from DB node 0')
}

/** Nothing was written. */
class Rollback extends StorageError {
  constructor(message: string) {
    super('E_CONFLICT', message)
  }
}

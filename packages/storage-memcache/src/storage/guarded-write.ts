import type { Environment } from '@larder/memcached'
import {
  CacheUnavailableError,
  isStorageError,
  type KeyGenerator,
  PART_NAMES,
  type PartName,
  type Storage,
  type WriteResult,
} from '@larder/storage-core'
import {
  type CommitTerms,
  type PendingWrite,
  type TransactionHook,
  type WriteRequest,
} from '@larder/storage-core/driver'
import type { StorageCounters } from '../counters.js'
import type { MemberSet } from '../listing/index.js'
import type { OwnErrors } from './own-errors.js'
import type { PartCache } from './part-cache.js'
import type { PartReader } from './part-reader.js'
import { settleAll, settleBoth } from '../coherence/index.js'
import { changedKeys, headKey, NEWEST, partKey } from '../storage-keys.js'
import { journalKeys, type Acknowledger } from '../outbox/index.js'
import type { Settings } from '../settings.js'
import { Recorder, type Room } from './stream-recorder.js'
import { WriteGuard } from './write-guard.js'

export interface WriterParts {
  readonly storage: Storage
  readonly cache: PartCache
  readonly reader: PartReader
  readonly members: MemberSet
  readonly acknowledger: Acknowledger
  readonly settings: Settings
  readonly env: Environment
  readonly counters: StorageCounters
  readonly keyOf: KeyGenerator
  readonly namespace: string
}

/** Runs work when it is its turn, so that not all of many writes ask the cache at once. */
export type InTurn = <T>(work: () => Promise<T>) => Promise<T>

/** The last write of a part. */
export interface PartWritten {
  readonly recorder: Recorder
  readonly result: WriteResult
}

/** What was seen of the listing, and of other writers of the resource, while the write held its lock. */
interface ListingView {
  readonly generation: string | undefined
  readonly isContested: boolean
}

const UNSEEN: ListingView = Object.freeze({ generation: undefined, isContested: true })

/** The write of one resource with what the cache is told of it, from the lock to the acknowledgement. */
export class GuardedWrite {
  readonly request: WriteRequest
  /** Keeps what passes by on its way to the storage. */
  readonly recorder: Recorder
  readonly #ownErrors: OwnErrors
  readonly #it: WriterParts
  readonly #guard: WriteGuard
  readonly #head: string
  #listing: ListingView = UNSEEN
  #isOver = false
  /** Whether the storage may have sent its commit. */
  #mayBeCommitted = false

  constructor(request: WriteRequest, parts: WriterParts, ownErrors: OwnErrors, room?: Room) {
    const { cache, settings, env, counters } = parts
    this.request = request
    this.recorder = new Recorder(request.changes, ownErrors, settings.maxCachedBytes, room)
    this.#ownErrors = ownErrors
    this.#it = parts
    this.#guard = new WriteGuard(cache, settings, env, counters)
    this.#head = headKey(parts.keyOf, request.info.collection)
  }

  /** Sets the marks inside of the storage's transaction, with its row lock held. */
  hook(inTurn: InTurn = (work) => work()): TransactionHook {
    const { info, transaction } = this.request
    const run = async (pending: PendingWrite): Promise<CommitTerms> => {
      const outer = await transaction?.beforeCommit({ ...pending, info })
      const commitBefore = await inTurn(() => this.mark(pending))
      this.#mayBeCommitted = true
      return { commitBefore: Math.min(commitBefore, outer?.commitBefore ?? Infinity) }
    }
    const beforeCommit = (pending: PendingWrite) => this.#ownErrors.watch(() => run(pending))
    if (!this.#it.storage.supports.journal) return { beforeCommit }
    const own = [...changedKeys(this.request), this.#head]
    return { journal: journalKeys(this.#it.namespace, own, transaction?.journal), beforeCommit }
  }

  /** Resolves to the instant by which the commit must have been sent. */
  async mark({ written, removed, created, emptied }: PendingWrite): Promise<number> {
    // A hook may outlive its transaction: nobody would take these marks away.
    if (this.#isOver) return -Infinity
    const keys = [...written, ...removed].map((part) => partKey(this.request.info, part))
    // Commands to one server are executed in this order: the look comes before the mark.
    const viewing = this.#viewListing(PART_NAMES, created || emptied)
    const isContested = viewing.then((seen) => seen.isContested)
    const [seen, commitBefore] = await settleBoth(viewing, this.#guard.mark(keys, isContested))
    this.#listing = seen
    return commitBefore
  }

  /** Sets the marks as the lock of a storage without transactions; they stay until the write is over. */
  async lock(signal: AbortSignal | undefined): Promise<void> {
    const unlocked = PART_NAMES.filter((part) => this.request.changes[part] === undefined)
    try {
      await this.#guard.lock(changedKeys(this.request), signal)
      this.#listing = await this.#viewListing(unlocked, true)
    } catch (error) {
      await this.#guard.rollBack(error)
      throw error
    }
  }

  /** Sets no further marks. */
  end(): void {
    this.#isOver = true
  }

  /** What the write rejects with, where the storage rejected with `error`. */
  meaningOf(error: unknown): unknown {
    const { transactions } = this.#it.storage.supports
    // Without a transaction nobody tells when the change is made; bad arguments are refused before.
    const isRefused = error instanceof TypeError || error instanceof RangeError
    return this.#ownErrors.meaningOf(error, transactions ? this.#mayBeCommitted : !isRefused)
  }

  /** After a write that did not happen, or of which that is unknown. `error`: what it rejects with. */
  async giveUp(error: unknown): Promise<void> {
    this.end()
    await this.#guard.rollBack(error)
    const { info, conditions } = this.request
    if (isStorageError(error, 'E_PRECONDITION_FAILED')) {
      // The caller will read anew, and must not be given what has just been refused.
      const parts = PART_NAMES.filter((part) => conditions[part] !== undefined)
      await Promise.all(parts.map((part) => this.#it.reader.evictOlder(partKey(info, part), NEWEST)))
    } else if (isStorageError(error, 'E_OUTCOME_UNKNOWN') && !this.#it.storage.supports.journal) {
      await this.#it.members.drop(this.#head).catch(() => undefined)
    }
  }

  /** After the commit: makes the cache right, and resolves to what the caller is told. */
  async acknowledge(result: WriteResult, confirmBy?: number): Promise<WriteResult> {
    if (!result.changed) {
      await this.#foundNothing()
      return result
    }
    const confirmed = await this.confirm(result, { confirmBy })
    this.#it.counters.writes++
    if (!confirmed) this.#it.counters.unconfirmedWrites++
    const { journalId, ...written } = result
    if (journalId === undefined) return result
    // A row that stays for the relay is not told to the caller, who might settle it.
    if (this.request.transaction?.journal !== undefined) return confirmed ? result : written
    if (confirmed) this.#it.acknowledger.add(journalId)
    return written
  }

  /** A removal of nothing tells of an absence, as a read past the cache does. */
  async #foundNothing(): Promise<void> {
    await this.#guard.rollBack(undefined)
    const { info } = this.request
    if (await this.#guard.isContested(PART_NAMES.map((part) => partKey(info, part)))) {
      // Whoever removed it may not have told the listing yet.
      await this.#it.members.drop(this.#head).catch(() => undefined)
    }
    await Promise.all(changedKeys(this.request).map((key) => this.#it.reader.evictOlder(key, undefined)))
  }

  /**
   * Resolves to whether the cache is known to be right. `parts`: what became of each of them, where several writes of one
   * transaction changed them.
   */
  async confirm(
    result: WriteResult,
    {
      confirmBy,
      parts,
    }: {
      readonly confirmBy?: number | undefined
      readonly parts?: ReadonlyMap<PartName, PartWritten>
    } = {},
  ): Promise<boolean> {
    this.#guard.confirmBy = confirmBy
    const { info, changes } = this.request
    const { version, created, emptied } = result
    let listed = true
    if (created || emptied || this.#listing.isContested) {
      const change = { name: info.resource ?? '', version, present: !emptied }
      // Before the marks go: while one stands, the next writer knows that the listing may not have heard.
      listed = await this.#guard.confirm(this.#head, () =>
        this.#it.members.record(this.#head, this.#listing.generation, change, () =>
          this.#it.storage.exists(info.inner ?? info),
        ),
      )
    }
    const installs = PART_NAMES.filter((part) => changes[part] !== undefined).map((part) => {
      const key = partKey(info, part)
      const own = parts?.get(part) ?? { recorder: this.recorder, result }
      const content = own.recorder.contentOf(part, own.result)
      return this.#it.storage.supports.transactions
        ? this.#guard.install(key, own.result.version, content)
        : this.#guard.installOrDrop(key, content)
    })
    return (await settleAll(installs)).every(Boolean) && listed
  }

  /** What stands of the listing, and of other writers of these parts, while this write holds its lock. */
  async #viewListing(parts: readonly PartName[], isNeeded: boolean): Promise<ListingView> {
    const { info } = this.request
    const [generation, isContested] = await settleBoth(
      this.#it.members.generation(this.#head).catch((cause: unknown) => {
        this.#it.counters.cacheErrors++
        if (isNeeded && this.#it.settings.whenCacheFails === 'reject') {
          const message = 'The listing could not be message of the write; nothing was written'
          throw new CacheUnavailableError(message, { key: this.#head, cause })
        }
        // A set that is found later is then not trusted.
        return undefined
      }),
      this.#guard.isContested(parts.map((part) => partKey(info, part))),
    )
    return { generation, isContested }
  }
}

import {
  CacheUnavailableError,
  type CommitTerms,
  type DriverCall,
  isStorageError,
  type KeyGenerator,
  PART_NAMES,
  type PartName,
  type PendingWrite,
  type ResourceInfo,
  type Storage,
  type WriteOptions,
  type WriteRequest,
  type WriteResult,
} from '@larder/storage-core'
import type { StorageCounters } from './counters.js'
import type { Environment } from '../environment.js'
import { forward } from './forward.js'
import type { MemberSet } from './member-set.js'
import type { PartCache } from './part-cache.js'
import type { PartReader } from './part-reader.js'
import { settleAll, settleBoth } from './promises.js'
import { changedKeys, headKey, NEWEST, partKey } from './proxy-keys.js'
import { journalKeys } from './relay.js'
import type { Settings } from './settings.js'
import type { Settler } from './settler.js'
import { Recorder } from './stream-recorder.js'
import { WriteGuard } from './write-guard.js'

export interface WriterParts {
  readonly storage: Storage
  readonly cache: PartCache
  readonly reader: PartReader
  readonly members: MemberSet
  readonly settler: Settler
  readonly settings: Settings
  readonly env: Environment
  readonly counters: StorageCounters
  readonly keyOf: KeyGenerator
  readonly namespace: string
}

interface ListingView {
  readonly generation: string | undefined
  readonly isContested: boolean
}

const UNSEEN: ListingView = Object.freeze({ generation: undefined, isContested: true })

/** What a write goes through, from its lock to its acknowledgement. */
export class ProxyWriter {
  readonly #it: WriterParts

  constructor(parts: WriterParts) {
    this.#it = parts
  }

  write(request: WriteRequest, call: DriverCall): Promise<WriteResult> {
    const { transactions } = this.#it.storage.supports
    return transactions ? this.#writeInside(request, call) : this.#writeLocked(request, call)
  }

  /** The marks are set inside of the storage's transaction, with its row lock held. */
  async #writeInside(request: WriteRequest, call: DriverCall): Promise<WriteResult> {
    const { info, transaction } = request
    const guard = this.#guard()
    const head = headKey(this.#it.keyOf, info.collection)
    let listing: ListingView = UNSEEN
    const beforeCommit = async (pending: PendingWrite): Promise<CommitTerms> => {
      const outer = await transaction?.beforeCommit({ ...pending, info })
      const changed = [...pending.written, ...pending.removed]
      // Commands to one server are executed in this order: the look comes before the mark.
      const viewing = this.#viewListing(head, guard, info, PART_NAMES, pending.created || pending.emptied)
      const [seen, commitBefore] = await settleBoth(
        viewing,
        guard.mark(
          changed.map((part) => partKey(info, part)),
          viewing.then(({ isContested }) => isContested),
        ),
      )
      listing = seen
      return { commitBefore: Math.min(commitBefore, outer?.commitBefore ?? Infinity) }
    }
    const journal = this.#it.storage.supports.journal
      ? journalKeys(this.#it.namespace, [...changedKeys(request), head], transaction?.journal)
      : undefined
    const recorder = new Recorder(request.changes, this.#it.settings.maxCachedBytes)
    const result = await this.#apply(request, recorder, guard, call, { journal, beforeCommit })
    if (!result.changed) return result
    const confirmed = await this.#confirm(request, recorder, result, guard, listing)
    const { journalId, ...written } = result
    if (journalId === undefined) return result
    // A row that stays for the relay is not told to the caller, who might settle it.
    if (transaction?.journal !== undefined) return confirmed ? result : written
    if (confirmed) this.#it.settler.add(journalId)
    return written
  }

  /** The storage has no transactions: the marks are the lock, from before the write until after it. */
  async #writeLocked(request: WriteRequest, call: DriverCall): Promise<WriteResult> {
    const { info } = request
    const guard = this.#guard()
    const recorder = new Recorder(request.changes, this.#it.settings.maxCachedBytes)
    try {
      await guard.lock(changedKeys(request), call.signal)
    } catch (error) {
      await guard.rollBack(error)
      throw error
    }
    const unlocked = PART_NAMES.filter((part) => request.changes[part] === undefined)
    let listing: ListingView
    try {
      listing = await this.#viewListing(headKey(this.#it.keyOf, info.collection), guard, info, unlocked, true)
    } catch (error) {
      await guard.rollBack(error)
      throw error
    }
    const result = await this.#apply(request, recorder, guard, call, undefined)
    if (result.changed) await this.#confirm(request, recorder, result, guard, listing)
    return result
  }

  async #apply(
    request: WriteRequest,
    recorder: Recorder,
    guard: WriteGuard,
    call: DriverCall,
    transaction: WriteOptions['transaction'],
  ): Promise<WriteResult> {
    try {
      const result = await forward(this.#it.storage, request, recorder, { ...call, transaction })
      if (!result.changed) await this.#foundNothing(request, guard)
      return result
    } catch (error) {
      await guard.rollBack(error)
      await this.#tellOfFailure(request, error)
      throw error
    }
  }

  /** A removal of nothing tells of an absence, as a read past the cache does. */
  async #foundNothing(request: WriteRequest, guard: WriteGuard): Promise<void> {
    await guard.rollBack(undefined)
    const { info } = request
    if (await guard.isContested(PART_NAMES.map((part) => partKey(info, part)))) {
      // Whoever removed it may not have told the listing yet.
      await this.#it.members.drop(headKey(this.#it.keyOf, info.collection)).catch(() => undefined)
    }
    await Promise.all(changedKeys(request).map((key) => this.#it.reader.help(key, undefined)))
  }

  async #tellOfFailure({ info, conditions }: WriteRequest, error: unknown): Promise<void> {
    if (isStorageError(error, 'E_PRECONDITION_FAILED')) {
      // The caller will read anew, and must not be given what has just been refused.
      const parts = PART_NAMES.filter((part) => conditions[part] !== undefined)
      await Promise.all(parts.map((part) => this.#it.reader.help(partKey(info, part), NEWEST)))
    } else if (isStorageError(error, 'E_OUTCOME_UNKNOWN') && !this.#it.storage.supports.journal) {
      await this.#it.members.drop(headKey(this.#it.keyOf, info.collection)).catch(() => undefined)
    }
  }

  /** After the commit, before the write is acknowledged: whether the cache is known to be right. */
  async #confirm(
    request: WriteRequest,
    recorder: Recorder,
    result: WriteResult,
    guard: WriteGuard,
    listing: ListingView,
  ): Promise<boolean> {
    const { info } = request
    const { version, created, emptied } = result
    let listed = true
    if (created || emptied || listing.isContested) {
      const head = headKey(this.#it.keyOf, info.collection)
      const change = { name: info.resource ?? '', version, present: !emptied }
      // Before the marks go: while one stands, the next writer knows that the listing may not have heard.
      listed = await guard.confirm(head, () =>
        this.#it.members.record(head, listing.generation, change, () =>
          this.#it.storage.exists(info.inner ?? info),
        ),
      )
    }
    const installs = PART_NAMES.filter((part) => request.changes[part] !== undefined).map((part) => {
      const key = partKey(info, part)
      const content = recorder.contentOf(part, result)
      return this.#it.storage.supports.transactions
        ? guard.install(key, version, content)
        : guard.installOrDrop(key, content)
    })
    const confirmed = (await settleAll(installs)).every(Boolean) && listed
    this.#it.counters.writes++
    if (!confirmed) this.#it.counters.unconfirmedWrites++
    return confirmed
  }

  /** What stands of the listing, and of other writers of the resource, while this write holds its lock. */
  async #viewListing(
    head: string,
    guard: WriteGuard,
    info: ResourceInfo,
    parts: readonly PartName[],
    isNeeded: boolean,
  ): Promise<ListingView> {
    const [generation, isContested] = await settleBoth(
      this.#it.members.generation(head).catch((cause: unknown) => {
        this.#it.counters.cacheErrors++
        if (isNeeded && this.#it.settings.whenCacheFails === 'reject') {
          const told = 'The listing could not be told of the write; nothing was written'
          throw new CacheUnavailableError(told, { key: head, cause })
        }
        // A set that is found later is then not trusted.
        return undefined
      }),
      guard.isContested(parts.map((part) => partKey(info, part))),
    )
    return { generation, isContested }
  }

  #guard(): WriteGuard {
    const { cache, settings, env, counters } = this.#it
    return new WriteGuard(cache, settings, env, counters)
  }
}

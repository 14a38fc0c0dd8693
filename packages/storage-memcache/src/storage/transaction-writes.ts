import { isStorageError, PART_NAMES, type PartName, type WriteResult } from '@larder/storage-core'
import {
  type CommitTerms,
  KeyedMutex,
  type Participant,
  type PartChange,
  type PendingWrite,
  type TransactionHook,
  type WriteRequest,
} from '@larder/storage-core/driver'
import { GuardedWrite, type PartWritten, type WriterParts } from './guarded-write.js'
import { OwnErrors } from './own-errors.js'
import { laneOf } from '../listing/index.js'
import { settleAll } from '../coherence/index.js'
import { changedKeys, headKey, NEWEST, partKey } from '../storage-keys.js'
import { journalKeys } from '../outbox/index.js'
import { Recorder, type Room } from './stream-recorder.js'

/** Journal rows that were told to callers, and that they must not drop before the cache is known to be right. */
export type WithheldRows = Set<string>

/** One write of a transaction. */
export class TransactionWrite {
  readonly request: WriteRequest
  readonly recorder: Recorder
  readonly hook: TransactionHook
  /** Set when the transaction is about to commit: what a nested one has undone has none. */
  pending: PendingWrite | undefined
  result: WriteResult | undefined
  readonly #withheld: WithheldRows

  constructor(request: WriteRequest, parts: WriterParts, room: Room, withheld: WithheldRows) {
    this.request = request
    this.recorder = new Recorder(request.changes, new OwnErrors(), parts.settings.maxCachedBytes, room)
    this.#withheld = withheld
    const { info, transaction } = request
    const beforeCommit = async (pending: PendingWrite): Promise<CommitTerms | void> => {
      this.pending = pending
      return transaction?.beforeCommit({ ...pending, info })
    }
    const own = [...changedKeys(request), headKey(parts.keyOf, info.collection)]
    const journal = parts.storage.supports.journal
      ? journalKeys(parts.namespace, own, transaction?.journal)
      : undefined
    this.hook = { journal, beforeCommit }
  }

  /** Resolves to what the caller gets. */
  done(result: WriteResult | undefined): WriteResult {
    if (result === undefined) throw new TypeError('The storage behind did not answer every write')
    this.result = result
    const { journalId, ...outcome } = result
    if (journalId === undefined) return result
    if (this.request.transaction?.journal === undefined) return outcome
    this.#withheld.add(journalId)
    return result
  }
}

/** All writes of a transaction, and what the cache is told of them when it ends. */
export class TransactionWrites implements Participant {
  readonly #it: WriterParts
  readonly #withheld: WithheldRows
  readonly #room: Room
  readonly #all: TransactionWrite[] = []
  readonly #lanes = new KeyedMutex()
  #resources: readonly ResourceOfTransaction[] | undefined

  constructor(parts: WriterParts, withheld: WithheldRows) {
    this.#it = parts
    this.#withheld = withheld
    this.#room = { left: parts.settings.maxCachedBytes }
  }

  begin(request: WriteRequest): TransactionWrite {
    const write = new TransactionWrite(
      withOwnBytes(request, this.#room),
      this.#it,
      this.#room,
      this.#withheld,
    )
    this.#all.push(write)
    return write
  }

  /** A caller whose condition did not hold will read anew, and must not be given what has just been refused. */
  async refuse(requests: readonly WriteRequest[], error: unknown): Promise<void> {
    if (!isStorageError(error, 'E_PRECONDITION_FAILED')) return
    const keys = requests.flatMap(({ info, conditions }) =>
      PART_NAMES.filter((part) => conditions[part] !== undefined).map((part) => partKey(info, part)),
    )
    await Promise.all(keys.map((key) => this.#it.reader.evictOlder(key, NEWEST)))
  }

  /** Sets the marks, with all rows locked. */
  async beforeCommit(): Promise<CommitTerms> {
    const resources = resourcesOf(this.#all, this.#it)
    this.#resources = resources
    const instants = await settleAll(
      resources.map(({ write, pending }, i) => this.#inLane(i, () => write.mark(pending))),
    )
    return { commitBefore: Math.min(Infinity, ...instants) }
  }

  /** Resolves to whether the cache is known to be right. */
  async afterCommit(): Promise<boolean> {
    const confirmBy = this.#it.env.now() + this.#it.settings.confirmTimeoutMs
    const confirmed = await Promise.all(
      (this.#resources ?? []).map((resource, i) => this.#inLane(i, () => this.#confirm(resource, confirmBy))),
    )
    await Promise.all(this.#all.map((write) => this.#foundNothing(write)))
    return confirmed.every(Boolean)
  }

  async #confirm(
    { write, result, parts, writes }: ResourceOfTransaction,
    confirmBy: number,
  ): Promise<boolean> {
    const isConfirmed = await write.confirm(result, { confirmBy, parts }).catch(() => false)
    for (const { request, result: own } of writes) {
      this.#it.counters.writes++
      if (!isConfirmed) this.#it.counters.unconfirmedWrites++
      const id = own?.journalId
      if (id === undefined || !isConfirmed) continue
      this.#withheld.delete(id)
      if (request.transaction?.journal === undefined) this.#it.acknowledger.add(id)
    }
    return isConfirmed
  }

  async #foundNothing({ request, result }: TransactionWrite): Promise<void> {
    if (result?.changed !== false) return
    await new GuardedWrite(request, this.#it, new OwnErrors()).acknowledge(result).catch(() => undefined)
  }

  async afterRollback(reason: unknown): Promise<void> {
    for (const { result } of this.#all)
      if (result?.journalId !== undefined) this.#withheld.delete(result.journalId)
    const marked = this.#resources
    for (const { write } of marked ?? []) write.end()
    if (marked === undefined) {
      if (isStorageError(reason, 'E_OUTCOME_UNKNOWN')) await this.#clear()
      return
    }
    await settleAll(marked.map(({ write }, i) => this.#inLane(i, () => write.giveUp(reason))))
  }

  /** It may have been committed without a mark: nothing older may be left. */
  async #clear(): Promise<void> {
    const clearing = this.#all.flatMap(({ request, result }) => [
      ...changedKeys(request).map((key) => this.#it.cache.repair(key, result?.version ?? Infinity)),
      this.#it.members.drop(headKey(this.#it.keyOf, request.info.collection)),
    ])
    await Promise.allSettled(clearing)
  }

  #inLane<T>(i: number, work: () => Promise<T>): Promise<T> {
    return this.#lanes.run(laneOf(i), work)
  }
}

/** What a transaction has made of a resource, by one write or more. */
interface ResourceOfTransaction {
  readonly write: GuardedWrite
  readonly writes: readonly TransactionWrite[]
  readonly pending: PendingWrite
  readonly result: WriteResult
  readonly parts: ReadonlyMap<PartName, PartWritten>
}

function resourcesOf(all: readonly TransactionWrite[], it: WriterParts): ResourceOfTransaction[] {
  const byKey = new Map<string, TransactionWrite[]>()
  for (const write of all) {
    if (write.pending === undefined || write.result === undefined) continue
    const { key } = write.request.info
    byKey.set(key, [...(byKey.get(key) ?? []), write])
  }
  return [...byKey.values()].map((writes) => resourceOf(writes, it))
}

/** Of each part the last write counts; the listing is told if any of them brought the resource or took it away. */
function resourceOf(writes: readonly TransactionWrite[], it: WriterParts): ResourceOfTransaction {
  const parts = new Map<PartName, PartWritten>()
  const changes: { [part in PartName]?: PartChange } = {}
  let last = writes[0]
  let isListed = false
  for (const write of writes) {
    last = write
    isListed ||= write.pending?.created === true || write.pending?.emptied === true
    for (const part of [...(write.pending?.written ?? []), ...(write.pending?.removed ?? [])]) {
      const change = write.request.changes[part]
      if (change !== undefined) changes[part] = change
      if (write.result !== undefined) parts.set(part, { recorder: write.recorder, result: write.result })
    }
  }
  if (last?.pending === undefined || last.result === undefined) throw new TypeError('A write has no result')
  const written = PART_NAMES.filter((part) => parts.has(part))
  const pending = { ...last.pending, written, removed: [], created: isListed }
  const request = { ...last.request, changes, conditions: {}, transaction: undefined }
  const result = { ...last.result, created: isListed }
  return { write: new GuardedWrite(request, it, new OwnErrors()), writes, pending, result, parts }
}

/** The same request with bytes that its caller may change while the transaction is still open. */
function withOwnBytes(request: WriteRequest, room: Room): WriteRequest {
  const changes: { [part in PartName]?: PartChange } = { ...request.changes }
  for (const part of PART_NAMES) {
    const change = changes[part]
    if (typeof change !== 'object' || !('bytes' in change)) continue
    const { bytes } = change
    const fits = bytes.length <= room.left
    if (fits) room.left -= bytes.length
    // What does not fit passes through, and is not cached.
    changes[part] = fits ? { bytes: Buffer.from(bytes) } : { stream: one(bytes) }
  }
  return { ...request, changes }
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes
}

import type {
  CallOptions,
  ResourceInfo,
  ResourceWrite,
  StorageTransaction,
  WriteOptions,
  WriteResult,
} from '@larder/storage-core'
import type { Participant, PendingWrite, PutArguments } from '@larder/storage-core/driver'
import { ForwardingStorage } from '@larder/storage-core/testing'

/** What the simulated database does around a transaction. */
export interface TransactionWorld {
  /** Before each call in it. */
  readonly step: () => Promise<void>
  /** When a write is about to be committed. */
  readonly written: (info: ResourceInfo, content: unknown, pending: PendingWrite) => void
  /** Around those who take part in its end. */
  readonly around: (participant: Participant) => Participant
}

/** A transaction of the simulated database. */
export class SimTransaction extends ForwardingStorage implements StorageTransaction {
  readonly #tx: StorageTransaction
  readonly #world: TransactionWorld

  constructor(tx: StorageTransaction, world: TransactionWorld) {
    super(tx)
    this.#tx = tx
    this.#world = world
  }

  get native(): unknown {
    return this.#tx.native
  }

  get outcome(): StorageTransaction['outcome'] {
    return this.#tx.outcome
  }

  journal(keys: readonly string[]): Promise<string> {
    return this.#tx.journal(keys)
  }

  enlist(participant: Participant): void {
    this.#tx.enlist(this.#world.around(participant))
  }

  readonly invalidate: StorageTransaction['invalidate'] = (queries, ...targets) =>
    this.#tx.invalidate(queries, ...targets)

  override async put(info: ResourceInfo, ...[parts, options]: PutArguments): Promise<WriteResult> {
    await this.#world.step()
    const watched = this.#watched(info, parts.content, options)
    return this.#tx.put(info, ...([parts, watched] as PutArguments))
  }

  override async removeContent(info: ResourceInfo, options?: WriteOptions): Promise<WriteResult> {
    await this.#world.step()
    return this.#tx.removeContent(info, this.#watched(info, undefined, options))
  }

  #watched(info: ResourceInfo, content: unknown, options: WriteOptions | undefined): WriteOptions {
    const hook = options?.transaction
    const beforeCommit = async (pending: PendingWrite) => {
      const terms = await hook?.beforeCommit(pending)
      this.#world.written(info, content, pending)
      return terms
    }
    return { ...options, transaction: { journal: hook?.journal, beforeCommit } }
  }
}

/** Writes several resources by as many calls of one transaction. */
export class CallByCall extends ForwardingStorage {
  override async writeMany(writes: readonly ResourceWrite[], options?: CallOptions): Promise<WriteResult[]> {
    const { value } = await this.inner.transaction(
      async (tx) => {
        const results: WriteResult[] = []
        for (const { info, content, ifMatch, ifNoneMatch } of writes) {
          const conditions = { ifMatch, ifNoneMatch }
          const isRemoval = content === null || content === undefined
          results.push(
            await (isRemoval ? tx.removeContent(info, conditions) : tx.putContent(info, content, conditions)),
          )
        }
        return results
      },
      { attempts: 1, ...options },
    )
    return value
  }
}

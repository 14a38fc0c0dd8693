import type {
  ByteSource,
  CallOptions,
  PartsWriteOptions,
  ResourceInfo,
  ResourceWrite,
  Storage,
  StorageTransaction,
  TransactionOptions,
  TransactionResult,
  WriteOptions,
  WriteResult,
} from '@larder/storage-core'
import type { JournalRow, PutArguments, ClaimOptions } from '@larder/storage-core/driver'
import { ForwardingStorage } from '@larder/storage-core/testing'
import type { AtStep } from './steps.js'

/** Tells of the steps that a process comes to in the database. */
export class StepStorage extends ForwardingStorage {
  readonly #at: AtStep

  constructor(inner: Storage, at: AtStep) {
    super(inner)
    this.#at = at
  }

  override put(info: ResourceInfo, ...[parts, options]: PutArguments): Promise<WriteResult> {
    return this.#write(options, (own) => super.put(info, ...([parts, own] as PutArguments)))
  }

  override putContent(info: ResourceInfo, content: ByteSource, options?: WriteOptions): Promise<WriteResult> {
    return this.#write(options, (own) => super.putContent(info, content, own))
  }

  override remove(info: ResourceInfo, options?: PartsWriteOptions): Promise<WriteResult> {
    return this.#write(options, (own) => super.remove(info, own as PartsWriteOptions | undefined))
  }

  override removeContent(info: ResourceInfo, options?: WriteOptions): Promise<WriteResult> {
    return this.#write(options, (own) => super.removeContent(info, own))
  }

  override async writeMany(writes: readonly ResourceWrite[], options?: CallOptions): Promise<WriteResult[]> {
    this.#at('before the transaction')
    const results = await super.writeMany(
      writes.map((write) => ({ ...write, ...this.#watching({ transaction: write.transaction }) })),
      options,
    )
    this.#at('after the commit')
    return results
  }

  override async transaction<T>(
    work: (tx: StorageTransaction) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<TransactionResult<T>> {
    this.#at('before the transaction')
    const watched = async (tx: StorageTransaction): Promise<T> => {
      const value = await work(tx)
      this.#at('before the mark')
      tx.enlist({
        beforeCommit: async () => {
          this.#at('before the commit')
          setImmediate(() => this.#at('commit sent'))
        },
        afterCommit: async () => {
          this.#at('after the commit')
          return true
        },
      })
      return value
    }
    return super.transaction(watched, options)
  }

  /** Joined before the cache sets its marks, and told after it. */
  override within(manager: object): StorageTransaction {
    this.#at('before the transaction')
    const tx = super.within(manager)
    tx.enlist({
      beforeCommit: async () => this.#at('before the mark'),
      afterCommit: async () => {
        this.#at('after the commit')
        return true
      },
    })
    return tx
  }

  override async acknowledge(journalIds: readonly string[]): Promise<void> {
    this.#at('before the settling')
    await super.acknowledge(journalIds)
    this.#at('after the settling')
  }

  override claim(
    options: ClaimOptions,
    work: (rows: readonly JournalRow[]) => Promise<readonly string[]>,
  ): Promise<number> {
    return super.claim(options, async (rows) => {
      this.#at('relay has rows')
      const settled = await work(rows)
      this.#at('relay is done')
      return settled
    })
  }

  async #write(
    options: WriteOptions | undefined,
    write: (options: WriteOptions | undefined) => Promise<WriteResult>,
  ): Promise<WriteResult> {
    this.#at('before the transaction')
    const result = await write(options && { ...options, ...this.#watching(options) })
    this.#at('after the commit')
    return result
  }

  #watching({ transaction }: Pick<WriteOptions, 'transaction'>): Pick<WriteOptions, 'transaction'> {
    if (transaction === undefined) return {}
    const beforeCommit: typeof transaction.beforeCommit = async (pending) => {
      this.#at('before the mark')
      const terms = await transaction.beforeCommit(pending)
      this.#at('before the commit')
      // The commit goes out once the hook's promise has been seen.
      setImmediate(() => this.#at('commit sent'))
      return terms
    }
    return { transaction: { ...transaction, beforeCommit } }
  }
}

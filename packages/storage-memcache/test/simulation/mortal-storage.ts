import type { Storage, StorageTransaction, TransactionOptions, TransactionResult } from '@larder/storage-core'
import { ForwardingStorage } from '@larder/storage-core/testing'
import type { SimProcess } from './scheduler.js'

/** What a process that dies had asked for never gets an answer; the history must say so. */
export class MortalStorage extends ForwardingStorage {
  readonly #process: SimProcess

  constructor(inner: Storage, process: SimProcess) {
    super(inner)
    this.#process = process
  }

  override getContent(...args: Parameters<Storage['getContent']>): ReturnType<Storage['getContent']> {
    return this.#whileAlive(super.getContent(...args))
  }

  override putContent(...args: Parameters<Storage['putContent']>): ReturnType<Storage['putContent']> {
    return this.#whileAlive(super.putContent(...args))
  }

  override removeContent(
    ...args: Parameters<Storage['removeContent']>
  ): ReturnType<Storage['removeContent']> {
    return this.#whileAlive(super.removeContent(...args))
  }

  override writeMany(...args: Parameters<Storage['writeMany']>): ReturnType<Storage['writeMany']> {
    return this.#whileAlive(super.writeMany(...args))
  }

  override transaction<T>(
    work: (tx: StorageTransaction) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<TransactionResult<T>> {
    return this.#whileAlive(super.transaction(work, options))
  }

  override ls(...args: Parameters<Storage['ls']>): ReturnType<Storage['ls']> {
    return this.#whileAlive(super.ls(...args))
  }

  #whileAlive<T>(work: Promise<T>): Promise<T> {
    const died = this.#process.died.then(() => {
      throw new Error('The process died')
    })
    return Promise.race([work, died])
  }
}

import { BaseStorage } from './base-storage.js'
import { CallGate } from './call-gate.js'
import type { StorageDriver } from './storage-driver.js'
import type { StorageTransaction } from './storage.js'
import type { TransactionOptions } from './storage.js'
import type { TransactionResult } from './transaction.js'
import { joinTransaction, runTransaction } from './transaction-calls.js'

/** A `Storage` on top of a `StorageDriver`: it checks what comes in, and closes once nothing is in flight. */
export class DrivenStorage extends BaseStorage {
  readonly #driver: StorageDriver
  readonly #gate: CallGate

  constructor(driver: StorageDriver) {
    const gate = new CallGate(driver.system ?? 'other')
    super(driver, gate)
    this.#driver = driver
    this.#gate = gate
  }

  async transaction<T>(
    work: (tx: StorageTransaction) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<TransactionResult<T>> {
    return runTransaction(this.#driver, this.#gate, work, options)
  }

  within(manager: object): StorageTransaction {
    return joinTransaction(this.#driver, this.#gate, manager)
  }
}

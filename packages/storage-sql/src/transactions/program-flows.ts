import { enterFlow, followFlows } from '@larder/storage-core/driver'
import type { DataSource, EntityManager } from 'typeorm'
import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks'

/**
 * Lets a storage know that it is called from within a transaction of the program's. One that a query runner begins is
 * known in what follows; one that `dataSource.transaction()` runs is kept to that, so that what its caller does beside it
 * is not taken for a part of it.
 */
export class ProgramFlows {
  readonly #manager: EntityManager
  #isContained = false
  readonly #begun = new AsyncLocalStorage<{ hasFailed: boolean }>()

  constructor({ manager }: DataSource) {
    this.#manager = manager
  }

  install(): void {
    followFlows()
    const manager = this.#manager
    const transaction = manager.transaction.bind(manager) as (...parameters: unknown[]) => Promise<unknown>
    const contained = (...parameters: unknown[]) => {
      this.#isContained = true
      try {
        return new AsyncResource('larder:transaction').runInAsyncScope(() => transaction(...parameters))
      } finally {
        this.#isContained = false
      }
    }
    Object.defineProperty(manager, 'transaction', { value: contained, configurable: true, writable: true })
  }

  remove(): void {
    // The class's own is behind it.
    Reflect.deleteProperty(this.#manager, 'transaction')
  }

  /** As long as `dataSource.transaction()` is being called: its events come at once. */
  get isContained(): boolean {
    return this.#isContained
  }

  /** The transaction that was begun last in the current flow could not begin. */
  fail(): void {
    const begun = this.#begun.getStore()
    if (begun !== undefined) begun.hasFailed = true
  }

  /** Whether that is so; once, since TypeORM asks for one rollback of it. */
  takeFailure(): boolean {
    const begun = this.#begun.getStore()
    const hasFailed = begun?.hasFailed === true
    if (begun !== undefined) begun.hasFailed = false
    return hasFailed
  }

  /** What follows in the current flow belongs to a transaction, until the function that this returns is called. */
  enter(owners: Iterable<object>): () => void {
    let isOpen = true
    this.#begun.enterWith({ hasFailed: false })
    for (const owner of owners) enterFlow({ owner, isOpen: () => isOpen })
    return () => {
      isOpen = false
    }
  }
}

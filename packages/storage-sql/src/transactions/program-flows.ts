import { enterFlow } from '@larder/storage-core'
import type { DataSource, EntityManager, QueryRunner } from 'typeorm'
import { AsyncResource } from 'node:async_hooks'

/**
 * Lets a storage know that it is called from within a transaction of the program's. One that a query runner begins is
 * known in what follows; one that `dataSource.transaction()` runs is kept to that, so that what its caller does beside it
 * is not taken for a part of it.
 */
export class ProgramFlows {
  readonly #manager: EntityManager
  readonly #states = new WeakMap<QueryRunner, { isOpen: boolean }[]>()

  constructor({ manager }: DataSource) {
    this.#manager = manager
  }

  install(): void {
    const manager = this.#manager
    const transaction = manager.transaction.bind(manager) as (...parameters: unknown[]) => Promise<unknown>
    const contained = (...parameters: unknown[]) =>
      new AsyncResource('larder:transaction').runInAsyncScope(() => transaction(...parameters))
    Object.defineProperty(manager, 'transaction', { value: contained, configurable: true, writable: true })
  }

  remove(): void {
    // The class's own is behind it.
    Reflect.deleteProperty(this.#manager, 'transaction')
  }

  /** What follows in the current flow belongs to the transaction that the runner is about to begin. */
  enter(owners: readonly object[], runner: QueryRunner): void {
    const state = { isOpen: true }
    const others = this.#states.get(runner) ?? []
    this.#states.set(runner, [...others, state])
    for (const owner of owners) enterFlow({ owner, isOpen: () => state.isOpen })
  }

  /** The first of those that were begun has ended. */
  leave(runner: QueryRunner): void {
    const [ended, ...others] = this.#states.get(runner) ?? []
    if (ended !== undefined) ended.isOpen = false
    this.#states.set(runner, others)
  }
}

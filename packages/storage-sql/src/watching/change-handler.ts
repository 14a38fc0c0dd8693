import type { Change } from '../change-log.js'

/** Called with the names of tables that were changed, each once. A change that it has not resolved for comes again. */
export type TableChangesHandler = (tables: readonly string[]) => Promise<void>

/** A cache that knows which tables it depends on, such as `MemcacheQueryResultCache`. */
export interface TableInvalidator {
  /** The tables that `invalidateTables` accepts. */
  readonly tables: readonly string[]
  invalidateTables(tables: readonly string[]): Promise<void>
}

/** What was handled, and the first failure. */
export interface Handled {
  readonly done: readonly Change[]
  readonly failure?: { readonly reason: unknown }
}

/** Hands changes to a function or a cache, so that one table that cannot be handled keeps no other from it. */
export class ChangeHandler {
  /** The tables that can be handled, where that is known. */
  readonly known: readonly string[] | undefined
  readonly #handle: TableChangesHandler

  /** Throws `TypeError` for what is neither. */
  constructor(given: TableChangesHandler | TableInvalidator) {
    if (typeof given !== 'function' && !isInvalidator(given))
      throw new TypeError('onTableChanges needs a function, or an object with tables and invalidateTables()')
    this.known = typeof given === 'function' ? undefined : given.tables
    this.#handle = typeof given === 'function' ? given : (tables) => given.invalidateTables(tables)
  }

  tables(tables: readonly string[]): Promise<void> {
    return this.#handle(tables)
  }

  /** Never rejects. All at once; if that fails, each table alone. */
  async changes(changes: readonly Change[]): Promise<Handled> {
    const all = await this.#try(changes)
    if (all.failure === undefined || changes.length === 1) return all
    const done: Change[] = []
    let failure: Handled['failure']
    for (const change of changes) {
      const one = await this.#try([change])
      done.push(...one.done)
      failure ??= one.failure
    }
    return failure === undefined ? { done } : { done, failure }
  }

  async #try(changes: readonly Change[]): Promise<Handled> {
    try {
      await this.#handle(changes.map(({ subject }) => subject))
      return { done: changes }
    } catch (reason) {
      return { done: [], failure: { reason } }
    }
  }
}

function isInvalidator(given: unknown): given is TableInvalidator {
  if (typeof given !== 'object' || given === null) return false
  const { tables, invalidateTables } = given as Partial<TableInvalidator>
  return Array.isArray(tables) && typeof invalidateTables === 'function'
}

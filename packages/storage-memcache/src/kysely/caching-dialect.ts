import type {
  CompiledQuery,
  DatabaseConnection,
  Dialect,
  Driver,
  Kysely,
  QueryResult,
  TransactionSettings,
} from 'kysely'
import { changedTables } from './tables.js'

/** The part of a `QueryCache` that is used. */
export interface TableInvalidator {
  invalidate(...targets: { readonly tag: string }[]): Promise<unknown>
}

/** What `cachingDialect` takes. */
export interface CachingDialectOptions {
  /**
   * Called with what kept tables from being invalidated after their rows were changed: results may be served until
   * their `ttlMs` ends. Default: a process warning with the code `LARDER_KYSELY`.
   */
  readonly onError?: ((error: unknown, tables: readonly string[]) => void) | undefined
}

/**
 * The same dialect, after whose statements and commits the changed tables are invalidated in `queries`, before the
 * caller's promise resolves. A transaction invalidates at its commit, and nothing when it rolls back. A statement or
 * commit that fails invalidates too, since it may have been executed. The changes of raw SQL (`sql\`UPDATE …\``), of
 * triggers and of other programs are not seen.
 */
export function cachingDialect(
  dialect: Dialect,
  queries: TableInvalidator,
  options: CachingDialectOptions = {},
): Dialect {
  const onError = options.onError ?? warn
  const invalidate = async (tables: ReadonlySet<string>) => {
    if (tables.size === 0) return
    try {
      await queries.invalidate(...Array.from(tables, (tag) => ({ tag })))
    } catch (error) {
      onError(error, [...tables])
    }
  }
  return {
    createDriver: () => new CachingDriver(dialect.createDriver(), invalidate),
    createQueryCompiler: () => dialect.createQueryCompiler(),
    createAdapter: () => dialect.createAdapter(),
    createIntrospector: (db: Kysely<unknown>) => dialect.createIntrospector(db as never),
  }
}

function warn(error: unknown, tables: readonly string[]): void {
  const { message } = error as Error
  process.emitWarning(`Results of ${tables.join(', ')} could not be invalidated: ${message}`, {
    type: 'LarderWarning',
    code: 'LARDER_KYSELY',
  })
}

type Invalidate = (tables: ReadonlySet<string>) => Promise<void>

class CachingDriver implements Driver {
  readonly #inner: Driver
  readonly #invalidate: Invalidate
  readonly #known = new WeakMap<DatabaseConnection, CachingConnection>()

  constructor(inner: Driver, invalidate: Invalidate) {
    this.#inner = inner
    this.#invalidate = invalidate
  }

  init(): Promise<void> {
    return this.#inner.init()
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    const inner = await this.#inner.acquireConnection()
    const known = this.#known.get(inner) ?? new CachingConnection(inner, this.#invalidate)
    this.#known.set(inner, known)
    return known
  }

  async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    await this.#inner.beginTransaction(innerOf(connection), settings)
    cachingOf(connection).begin()
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    const changed = cachingOf(connection).end()
    try {
      await this.#inner.commitTransaction(innerOf(connection))
    } finally {
      await this.#invalidate(changed)
    }
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    cachingOf(connection).end()
    await this.#inner.rollbackTransaction(innerOf(connection))
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    await this.#inner.releaseConnection(innerOf(connection))
  }

  async savepoint(...[connection, ...rest]: Parameters<NonNullable<Driver['savepoint']>>): Promise<void> {
    await this.#inner.savepoint?.(innerOf(connection), ...rest)
  }

  async rollbackToSavepoint(
    ...[connection, ...rest]: Parameters<NonNullable<Driver['rollbackToSavepoint']>>
  ): Promise<void> {
    await this.#inner.rollbackToSavepoint?.(innerOf(connection), ...rest)
  }

  async releaseSavepoint(
    ...[connection, ...rest]: Parameters<NonNullable<Driver['releaseSavepoint']>>
  ): Promise<void> {
    await this.#inner.releaseSavepoint?.(innerOf(connection), ...rest)
  }

  destroy(): Promise<void> {
    return this.#inner.destroy()
  }
}

class CachingConnection implements DatabaseConnection {
  readonly inner: DatabaseConnection
  readonly #invalidate: Invalidate
  /** The tables that the open transaction has changed. */
  #pending: Set<string> | undefined

  constructor(inner: DatabaseConnection, invalidate: Invalidate) {
    this.inner = inner
    this.#invalidate = invalidate
  }

  begin(): void {
    this.#pending = new Set()
  }

  /** Resolves to the tables that the transaction has changed. */
  end(): ReadonlySet<string> {
    const pending = this.#pending ?? new Set<string>()
    this.#pending = undefined
    return pending
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const { tables } = changedTables(query.query)
    try {
      return await this.inner.executeQuery<R>(query)
    } finally {
      await this.#changed(tables)
    }
  }

  async *streamQuery<R>(query: CompiledQuery, chunkSize?: number): AsyncIterableIterator<QueryResult<R>> {
    const { tables } = changedTables(query.query)
    try {
      yield* this.inner.streamQuery<R>(query, chunkSize)
    } finally {
      await this.#changed(tables)
    }
  }

  async #changed(tables: readonly string[]): Promise<void> {
    if (this.#pending === undefined) await this.#invalidate(new Set(tables))
    else for (const table of tables) this.#pending.add(table)
  }
}

function cachingOf(connection: DatabaseConnection): CachingConnection {
  if (!(connection instanceof CachingConnection)) throw new TypeError('A connection of another driver')
  return connection
}

function innerOf(connection: DatabaseConnection): DatabaseConnection {
  return cachingOf(connection).inner
}

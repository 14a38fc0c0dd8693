import type { Codec } from '@larder/storage-core'
import type { CompiledQuery } from 'kysely'
import { createHash } from 'node:crypto'
import type { CachedResult, QueryCache, StandardSchema } from '../query/index.js'
import { tablesIn } from './tables.js'

/** A query of Kysely: what `db.selectFrom(…)` builds. */
export interface CacheableQuery<Row> {
  compile(): CompiledQuery
  execute(): Promise<Row[]>
}

/** What `cachedRows` takes. */
export interface CachedRowsOptions {
  /** How long the rows may stay, in milliseconds. Default: the query cache's. */
  readonly ttlMs?: number | undefined
  /** The tables that the query reads, which are its tags. Needed where raw SQL names some. Default: those it names. */
  readonly tables?: readonly string[] | undefined
  /** Settles the call with `E_ABORTED`. The query continues for others that wait for it. */
  readonly signal?: AbortSignal | undefined
}

/**
 * The rows of a query, from the cache where it has them. Its SQL and its parameters are the key; its tables, as
 * `table` or `schema.table`, are the tags, so that `queries.invalidate({ tag: 'film' })` and a `cachingDialect` void
 * it. The rows have been through the codec of the query cache: with JSON, a `Date` is a string from the first call on.
 *
 * Rejects as `QueryCache.cached`, and with a `TypeError` for raw SQL that names tables, without `tables`.
 */
export async function cachedRows<Row, C extends Codec<unknown>, S extends StandardSchema | undefined>(
  queries: QueryCache<C, S>,
  query: CacheableQuery<Row>,
  { tables, ttlMs, signal }: CachedRowsOptions = {},
): Promise<CachedResult<Row[], C, S>> {
  const { sql, parameters, query: tree } = query.compile()
  const found = tablesIn(tree)
  if (tables === undefined && found.isPartial)
    throw new TypeError('The query has raw SQL that names tables: give their names as the option tables')
  const tags = [...new Set(tables ?? found.tables)]
  const options = { tags, ...(ttlMs === undefined ? {} : { ttlMs }), signal }
  return queries.cached(keyFor(sql, parameters), options, () => query.execute())
}

function keyFor(sql: string, parameters: readonly unknown[]): string {
  const hash = createHash('sha256').update(sql)
  // Each with its length, so that no two lists look alike.
  for (const text of parameters.map(textOf)) hash.update(`\n${text.length} ${text}`)
  return `kysely ${hash.digest('base64url')}`
}

/** Another text for another value or type. */
function textOf(value: unknown): string {
  if (typeof value === 'bigint') return `bigint ${value}`
  if (value instanceof Date) return `date ${value.getTime()}`
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('base64')}`
  return `${typeof value} ${JSON.stringify(value)}`
}

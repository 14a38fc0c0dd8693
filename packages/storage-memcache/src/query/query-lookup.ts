import type { Codec } from '@larder/storage-core'
import { optionTable, type OptionsOf } from '@larder/storage-core/base'
import { CACHED_OPTIONS } from './cached-options.js'
import { FORM_OPTIONS, type FormOptions } from './result-form.js'
import type { StandardSchema } from './standard-schema.js'

const { ttlMs, graceMs, tags, signal } = CACHED_OPTIONS
const CALL_OPTIONS = optionTable({ ttlMs, graceMs, tags, signal })

export const BEGIN_OPTIONS = optionTable({ ...CALL_OPTIONS, ...FORM_OPTIONS })

/** The options of one call of `begin`: those of `cached` that do not concern a loader. */
export type BeginOptions<
  C extends Codec<unknown> | undefined = undefined,
  S extends StandardSchema | undefined = undefined,
> = OptionsOf<typeof CALL_OPTIONS> & FormOptions<C, S>

/** What `begin` finds. */
export type QueryLookup<V> = QueryHit<V> | QueryMiss

/** The cache has the result. */
export interface QueryHit<V> {
  readonly isHit: true
  readonly value: V
}

/** The caller loads the result, and then calls `fill` or `release`. */
export interface QueryMiss {
  readonly isHit: false
  /**
   * Keeps what the caller has loaded since `begin`. Resolves to false if it is not kept: the entry was invalidated since
   * `begin`, the load took longer than `leaseTtlMs`, a server did not answer, or this lookup was filled or released before.
   * Rejects as `cached` does for a value that the codec or the schema refuses.
   */
  fill(value: unknown): Promise<boolean>
  /** Ends the lease without a value, after a failed load for example: the next caller need not wait. Never rejects. */
  release(): Promise<void>
}

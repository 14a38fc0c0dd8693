import { checkOptionNames, type Codec, type NamesOf } from '@larder/storage-core'
import { ENTRY_NAMES, type EntryOptions } from './query-options.js'
import type { FormOptions } from './result-form.js'
import type { StandardSchema } from './standard-schema.js'

/** The options of one call of `cached`. */
export interface CachedOptions<
  C extends Codec<unknown> | undefined = undefined,
  S extends StandardSchema | undefined = undefined,
>
  extends EntryOptions, FormOptions<C, S> {
  /**
   * What `invalidate({ tag })` voids this result by. All calls with the same key must name the same tags in the same
   * order.
   */
  readonly tags?: readonly string[] | undefined
  /** Settles the call with `E_ABORTED`. The loader keeps running, for other callers that wait for it. */
  readonly signal?: AbortSignal | undefined
}

/** The options of a call of any form. */
export type AnyCachedOptions = CachedOptions<Codec<unknown> | undefined, StandardSchema | undefined>

const CACHED_NAMES: NamesOf<AnyCachedOptions> = Object.freeze({
  ...ENTRY_NAMES,
  codec: true,
  schema: true,
  tags: true,
  signal: true,
})

/** Throws `TypeError` for options that are none or not known, and for a loader that is no function. */
export function checkCall(options: unknown, loader: unknown): void {
  if (typeof options !== 'object' || options === null)
    throw new TypeError('Options are needed, as {} at least')
  checkOptionNames('A cached query', options, CACHED_NAMES)
  if (typeof loader !== 'function') throw new TypeError('The loader must be a function')
}

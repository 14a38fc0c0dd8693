import type { Codec } from '@larder/storage-core'
import {
  checkOptions,
  listOption,
  nameOption,
  optionTable,
  signalOption,
  wrongType,
  type OptionsOf,
} from '@larder/storage-core/base'
import { CALL_ENTRY_OPTIONS } from './query-options.js'
import { FORM_OPTIONS, type FormOptions } from './result-form.js'
import type { StandardSchema } from './standard-schema.js'

/** What a call can be told besides how its result is formed. */
const CALL_OPTIONS = optionTable({
  ...CALL_ENTRY_OPTIONS,
  /**
   * What `invalidate({ tag })` invalidates this result by. All calls with the same key must name the same tags in the same
   * order. Default: none.
   */
  tags: listOption('a list of tags', nameOption()),
  /** Settles the call with `E_ABORTED`. The loader continues for other callers that wait for it. */
  signal: signalOption(),
})

export const CACHED_OPTIONS = optionTable({ ...CALL_OPTIONS, ...FORM_OPTIONS })

/** The options of one call of `cached`. */
export type CachedOptions<
  C extends Codec<unknown> | undefined = undefined,
  S extends StandardSchema | undefined = undefined,
> = OptionsOf<typeof CALL_OPTIONS> & FormOptions<C, S>

/** The options of a call of any form. */
export type AnyCachedOptions = CachedOptions<Codec<unknown> | undefined, StandardSchema | undefined>

/** Throws `TypeError` or `RangeError` for options that a call does not take, and for a loader that is no function. */
export function checkCall(method: string, options: unknown, loader: unknown): void {
  checkOptions(method, CACHED_OPTIONS, options)
  if (typeof loader !== 'function') throw wrongType('loader', 'a function', loader)
}

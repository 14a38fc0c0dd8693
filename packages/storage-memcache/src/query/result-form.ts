import type { Codec, JsonCodec, Jsonify } from '@larder/storage-core'
import { optionTable, typedOption } from '@larder/storage-core/base'
import { hasMethods } from '../common-options.js'
import type { StoredResult } from './query-form.js'
import {
  isStandardSchema,
  issuePath,
  type SchemaIssue,
  type SchemaOutput,
  type StandardSchema,
} from './standard-schema.js'

/** What a loader's `T` comes back as: by the schema if there is one, else by the codec. */
export type CachedResult<T, C, S> = S extends StandardSchema
  ? SchemaOutput<S>
  : T extends void
    ? undefined
    : C extends JsonCodec<unknown>
      ? Jsonify<T>
      : C extends Codec<infer V>
        ? unknown extends V
          ? T
          : V
        : never

/** What a call says, or else what its cache says. */
export type Own<OfCall, OfCache> = OfCall extends undefined ? OfCache : OfCall

/** How results become bytes and come back. */
export const FORM_OPTIONS = optionTable({
  /**
   * Results to bytes and back. All calls with one key need the same. Default: JSON, with which a result comes back as
   * `Jsonify` says.
   */
  codec: typedOption('a codec', isCodec),
  /**
   * A Standard Schema (zod, valibot, arktype and others). It validates each result after the codec has decoded it, and
   * may convert it: a string to a `Date`, say. A cached result that does not fit is loaded again; a new one that does
   * not fit rejects the call with an `InvalidResultError` and is not kept. Default: none.
   */
  schema: typedOption(
    'a Standard Schema: an object or a function with a `~standard` property',
    isStandardSchema,
  ),
})

/** How results become bytes and come back. */
export type FormOptions<C, S> = {
  readonly [name in keyof typeof FORM_OPTIONS]?: { readonly codec: C; readonly schema: S }[name] | undefined
}

/** The loader's result does not fit the schema of the call. */
export class InvalidResultError extends TypeError {
  readonly key: string
  /** As the schema has reported them. */
  readonly issues: readonly SchemaIssue[]

  constructor(key: string, issues: readonly SchemaIssue[]) {
    const [first] = issues
    const where = first === undefined ? '' : issuePath(first)
    const what = first === undefined ? '' : `: ${first.message}${where === '' ? '' : ` (at ${where})`}`
    super(`The loader's result for ${JSON.stringify(key)} does not fit the schema${what}`)
    this.name = 'InvalidResultError'
    this.key = key
    this.issues = [...issues]
  }
}

/** A codec and, after it, a schema. */
export class ResultForm {
  readonly #codec: Codec<unknown>
  readonly #schema: StandardSchema | undefined

  constructor(codec: Codec<unknown>, schema: StandardSchema | undefined) {
    this.#codec = codec
    this.#schema = schema
  }

  /** The form of a call. */
  with({ codec, schema }: FormOptions<Codec<unknown>, StandardSchema | undefined>): ResultForm {
    if (codec === undefined && schema === undefined) return this
    return new ResultForm(codec ?? this.#codec, schema ?? this.#schema)
  }

  /** Throws as the codec does, and `InvalidResultError` for what `read` would reject. */
  async write(key: string, value: unknown): Promise<StoredResult> {
    const stored = value === undefined ? undefined : this.#codec.encode(value)
    if (this.#schema !== undefined) await this.read(key, stored)
    return stored
  }

  /** Rejects with `InvalidResultError`, or as the codec does. */
  async read(key: string, stored: StoredResult): Promise<unknown> {
    const value = stored === undefined ? undefined : this.#codec.decode(stored.bytes, stored.flags)
    if (this.#schema === undefined) return value
    const result = await this.#schema['~standard'].validate(value)
    if (result.issues !== undefined) throw new InvalidResultError(key, result.issues)
    return result.value
  }
}

function isCodec(value: unknown): value is Codec<unknown> {
  return hasMethods(value, 'encode', 'decode')
}

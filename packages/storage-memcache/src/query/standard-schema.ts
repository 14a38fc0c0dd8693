/** The interface of Standard Schema 1, which zod, valibot, arktype and others implement. See standardschema.dev. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

/** What a validation brings. */
export type SchemaResult<Output> =
  { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly SchemaIssue[] }

/** What a schema complains about. */
export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** The type that a schema makes of a valid value. */
export type SchemaOutput<S extends StandardSchema> = NonNullable<S['~standard']['types']>['output']

export function isStandardSchema(value: unknown): value is StandardSchema {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  const standard: unknown = (value as { readonly '~standard'?: unknown })['~standard']
  return typeof standard === 'object' && standard !== null && 'validate' in standard
}

/** Where an issue is, as JavaScript would write the access. */
export function issuePath({ path = [] }: SchemaIssue): string {
  return path
    .map((part) => (typeof part === 'object' ? part.key : part))
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
}

import { kindOf, unknownOption } from './option-errors.js'

/** What one option takes, and what stands where it is not given. */
export interface Option<Value, Resolved = Value | undefined> {
  /** What it takes, in the words of error messages and of the reference page, such as `'a number above 0'`. */
  readonly takes: string
  /** Stands where the option is missing or undefined. */
  readonly fallback: Resolved
  /** Answers with the value. Throws a `TypeError` for the wrong type, a `RangeError` for a value that is not allowed. */
  check(value: unknown, name: string): Value
  /** The options of an option that has options of its own. */
  readonly within?: OptionTable | undefined
  /** Without it, options are refused. Set by `required`. */
  readonly isRequired?: true | undefined
  /** Whose option stands in for a missing one, as the reference page says it. Set by `overridesOf`. */
  readonly inheritsFrom?: string | undefined
}

/** An option that must be given. */
export interface RequiredOption<Value> extends Option<Value, Value> {
  readonly isRequired: true
}

/** Options by name. Made by `optionTable`. */
export interface OptionTable {
  readonly [name: string]: Option<unknown, unknown>
}

type GivenTo<Of> = Of extends Option<infer Value, unknown> ? Value : never
type RequiredNames<Table> = {
  [name in keyof Table]: Table[name] extends RequiredOption<unknown> ? name : never
}[keyof Table]
type MayBeGiven<Table, Names extends keyof Table> = {
  readonly [name in Names]?: GivenTo<Table[name]> | undefined
}
type MustBeGiven<Table, Names extends keyof Table> = { readonly [name in Names]: GivenTo<Table[name]> }

/** What callers give: every option may be missing or undefined, unless it is required. */
export type OptionsOf<Table> = [RequiredNames<Table>] extends [never]
  ? MayBeGiven<Table, keyof Table>
  : MayBeGiven<Table, Exclude<keyof Table, RequiredNames<Table>>> & MustBeGiven<Table, RequiredNames<Table>>

/** What is in force: every option has a value, which is undefined only where an option has no default. */
export type ResolvedOptions<Table> = {
  readonly [name in keyof Table]: Table[name] extends Option<unknown, infer Resolved> ? Resolved : never
}

/** Names of the required options of a table; not copied where tables are joined. */
const REQUIRED = Symbol('required options')

/**
 * The one declaration of a group of options: names, types, defaults, checks, and a comment on each. The types of what
 * callers give (`OptionsOf`) and of what is in force (`ResolvedOptions`) come from it, and so does the reference page.
 * Tables are joined by spreading.
 */
export function optionTable<Table extends OptionTable>(table: Table): Table {
  // Without a prototype: `constructor` is no option.
  const own = Object.assign(Object.create(null) as Table, table)
  const required = Object.keys(own).filter((name) => own[name]?.isRequired === true)
  return Object.freeze(Object.defineProperty(own, REQUIRED, { value: required }))
}

/** The options of single calls that override those of an object: the same, without defaults. `of` says whose they are. */
export function overridesOf<Table extends OptionTable>(table: Table, of: string): Overrides<Table> {
  const each = Object.entries(table).map(([name, option]) => [
    name,
    { ...option, fallback: undefined, inheritsFrom: of },
  ])
  return optionTable(Object.fromEntries(each) as Overrides<Table> & OptionTable)
}

/** Options that stand in for those of another table, where they are given. */
export type Overrides<Table> = { readonly [name in keyof Table]: Option<GivenTo<Table[name]>> }

/**
 * Throws a `TypeError` for options that are no object, for an unknown name, with the closest known one, and without a
 * required option; and whatever the check of a value throws. Copies nothing: for calls that are many. `subject` is what
 * takes the options.
 */
export function checkOptions(subject: string, table: OptionTable, options: unknown, path = ''): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new TypeError(`${subject} takes an object of options, got ${kindOf(options)}`)
  for (const name in options) {
    const option = table[name]
    if (option === undefined) throw unknownOption(subject, Object.keys(table), name, path)
    const value = read(options, name)
    if (value === undefined) continue
    const full = path === '' ? name : path + name
    option.check(value, full)
    if (option.within !== undefined) checkOptions(subject, option.within, value, `${full}.`)
  }
  for (const name of requiredOf(table)) {
    if (read(options, name) !== undefined) continue
    throw new TypeError(`${subject} needs the option \`${path}${name}\`: ${table[name]?.takes ?? ''}`)
  }
}

/** Checks the options as `checkOptions` does, and answers with all of them. Undefined stands for no options. */
export function resolveOptions<Table extends OptionTable>(
  subject: string,
  table: Table,
  options: unknown,
): ResolvedOptions<Table> {
  if (options !== undefined || requiredOf(table).length > 0) checkOptions(subject, table, options)
  return fillIn(table, options ?? {}) as ResolvedOptions<Table>
}

/** All options of a table, from ones that were checked. */
function fillIn(table: OptionTable, options: object): Record<string, unknown> {
  const resolved: Record<string, unknown> = {}
  for (const [name, option] of Object.entries(table)) {
    const value = read(options, name)
    if (value === undefined) resolved[name] = option.fallback
    else resolved[name] = option.within === undefined ? value : fillIn(option.within, value as object)
  }
  return Object.freeze(resolved)
}

function requiredOf(table: OptionTable): readonly string[] {
  return (table as { readonly [REQUIRED]?: readonly string[] })[REQUIRED] ?? []
}

function read(options: object, name: string): unknown {
  try {
    return (options as Readonly<Record<string, unknown>>)[name]
  } catch (cause) {
    throw new TypeError(`\`${name}\` cannot be read`, { cause })
  }
}

import { nearestName } from './nearest-name.js'

/** What one option takes, and what stands where it is not given. */
export interface Option<Value, Resolved = Value | undefined> {
  /** Stands where the option is missing or undefined. */
  readonly fallback: Resolved
  /** Answers with the value. Throws a `TypeError` for the wrong type, a `RangeError` for a value that is not allowed. */
  check(value: unknown, name: string): Value
  /** The options of an option that has options of its own. */
  readonly within?: OptionTable | undefined
}

/** Options by name. Made by `optionTable`. */
export interface OptionTable {
  readonly [name: string]: Option<unknown, unknown>
}

/** What callers give: every option may be missing or undefined. */
export type OptionsOf<Table> = {
  readonly [name in keyof Table]?: Table[name] extends Option<infer Value, unknown>
    ? Value | undefined
    : never
}

/** What is in force: every option has a value, which is undefined only where an option has no default. */
export type ResolvedOptions<Table> = {
  readonly [name in keyof Table]: Table[name] extends Option<unknown, infer Resolved> ? Resolved : never
}

/**
 * The one declaration of a group of options: names, types, defaults, checks, and a comment on each. The types of what
 * callers give (`OptionsOf`) and of what is in force (`ResolvedOptions`) come from it. Tables are joined by spreading.
 */
export function optionTable<Table extends OptionTable>(table: Table): Table {
  // Without a prototype: `constructor` is no option.
  return Object.freeze(Object.assign(Object.create(null) as Table, table))
}

/**
 * Throws a `TypeError` for options that are no object and for an unknown name, with the closest known one, and whatever
 * the check of a value throws. Copies nothing: for calls that are many. `subject` is what takes the options.
 */
export function checkOptions(subject: string, table: OptionTable, options: unknown, path = ''): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new TypeError(`${subject} takes an object of options, got ${kindOf(options)}`)
  for (const name in options) {
    const option = table[name]
    if (option === undefined) throw unknownOption(subject, table, name, path)
    const value = read(options, name)
    if (value === undefined) continue
    const full = path === '' ? name : path + name
    option.check(value, full)
    if (option.within !== undefined) checkOptions(subject, option.within, value, `${full}.`)
  }
}

/** Checks the options as `checkOptions` does, and answers with all of them. Undefined stands for no options. */
export function resolveOptions<Table extends OptionTable>(
  subject: string,
  table: Table,
  options: unknown,
): ResolvedOptions<Table> {
  if (options !== undefined) checkOptions(subject, table, options)
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

/**
 * The value as an error message shows it: short, never the content of an object, and no text in which there may be a
 * password, as in a URL.
 */
export function describeValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value.length > MAX_SHOWN || /[@:]/.test(value)
        ? `text of ${value.length} characters`
        : `'${value}'`
    case 'object':
    case 'function':
    case 'symbol':
      return kindOf(value)
    case 'bigint':
      return `${value}n`
    default:
      return Object.is(value, -0) ? '-0' : String(value)
  }
}

const MAX_SHOWN = 60

function kindOf(value: unknown): string {
  if (typeof value === 'string') return 'text'
  if (typeof value === 'object')
    return value === null ? 'null' : Array.isArray(value) ? 'a list' : 'an object'
  return typeof value === 'undefined' ? 'undefined' : `a ${typeof value}`
}

function read(options: object, name: string): unknown {
  try {
    return (options as Readonly<Record<string, unknown>>)[name]
  } catch (cause) {
    throw new TypeError(`\`${name}\` cannot be read`, { cause })
  }
}

function unknownOption(subject: string, table: OptionTable, name: string, path: string): TypeError {
  const known = Object.keys(table)
  const nearest = nearestName(name, known)
  const all = known.length === 0 ? 'it has none' : `it has ${known.join(', ')}`
  const hint = nearest === undefined ? all : `did you mean ${JSON.stringify(path + nearest)}?`
  return new TypeError(`${subject} has no option ${JSON.stringify(path + name)}; ${hint}`)
}

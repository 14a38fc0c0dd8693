import { hasLoneSurrogate } from '../lone-surrogate.js'
import { notAllowed, wrongType } from './option-errors.js'
import type { Option, OptionsOf, OptionTable, RequiredOption, ResolvedOptions } from './option-table.js'

/** One of several texts. Without a default the option may be missing. */
export function choiceOption<const Choice extends string>(
  choices: readonly Choice[],
  fallback: NoInfer<Choice>,
): Option<Choice, Choice>
export function choiceOption<const Choice extends string>(choices: readonly Choice[]): Option<Choice>
export function choiceOption<const Choice extends string>(
  choices: readonly Choice[],
  fallback?: NoInfer<Choice>,
): Option<Choice, Choice | undefined> {
  const known: ReadonlySet<string> = new Set(choices)
  const isChoice = (value: string): value is Choice => known.has(value)
  const takes = listText(choices)
  return {
    takes,
    fallback,
    check(value, name) {
      if (typeof value !== 'string') throw wrongType(name, takes, value)
      if (!isChoice(value)) throw notAllowed(name, takes, value)
      return value
    },
  }
}

/** Declares an option that is true or false; with a default where `fallback` is given. */
export function booleanOption(fallback: boolean): Option<boolean, boolean>
export function booleanOption(): Option<boolean>
export function booleanOption(fallback?: boolean): Option<boolean, boolean | undefined> {
  return typedOption('true or false', (value): value is boolean => typeof value === 'boolean', fallback)
}

/** Declares an option that is a string; with a default where `fallback` is given. */
export function textOption(fallback: string): Option<string, string>
export function textOption(): Option<string>
export function textOption(fallback?: string): Option<string, string | undefined> {
  return typedOption('text', (value): value is string => typeof value === 'string', fallback)
}

/** Text of at least one character that has a UTF-8 form, such as a name or a key. */
export function nameOption(): Option<string> {
  const takes = 'text of at least one character'
  return {
    takes,
    fallback: undefined,
    check(value, name) {
      if (typeof value !== 'string') throw wrongType(name, takes, value)
      if (value === '') throw notAllowed(name, takes, value)
      if (hasLoneSurrogate(value)) throw new RangeError(`\`${name}\` contains half a surrogate pair`)
      return value
    },
  }
}

/** A list of what `each` takes. `noun` is its name in messages: `'a list of tags'`. */
export function listOption<Value>(noun: string, each: Option<Value>): Option<readonly Value[]> {
  return {
    takes: noun,
    fallback: undefined,
    check(value, name) {
      if (!Array.isArray(value)) throw wrongType(name, noun, value)
      for (let i = 0; i < value.length; i++) checkItem(each, value, name, i)
      return value as readonly Value[]
    },
  }
}

/** The name of an item is made only where it is needed: lists are checked on each hit. */
function checkItem(each: Option<unknown>, list: readonly unknown[], name: string, i: number): void {
  try {
    each.check(list[i], name)
  } catch {
    each.check(list[i], `${name}[${i}]`)
  }
}

/** The same option where it must be given. */
export function required<Value>(option: Option<Value>): RequiredOption<Value> {
  // Never read: `checkOptions` throws first.
  return { ...option, fallback: undefined as Value, isRequired: true }
}

/** Declares an option that is a function; with a default where `fallback` is given. */
export function functionOption<Fn>(fallback: NoInfer<Fn>): Option<Fn, Fn>
export function functionOption<Fn>(): Option<Fn>
export function functionOption<Fn>(fallback?: Fn): Option<Fn, Fn | undefined> {
  return typedOption('a function', (value): value is Fn => typeof value === 'function', fallback)
}

/** Any value that `isValue` accepts; `takes` is its name in messages, such as `'a function'`. */
export function typedOption<Value>(takes: string, isValue: (value: unknown) => value is Value): Option<Value>
export function typedOption<Value, Resolved>(
  takes: string,
  isValue: (value: unknown) => value is Value,
  fallback: Resolved,
): Option<Value, Value | Resolved>
export function typedOption<Value>(
  takes: string,
  isValue: (value: unknown) => value is Value,
  fallback?: Value,
): Option<Value, Value | undefined> {
  return {
    takes,
    fallback,
    check(value, name) {
      if (!isValue(value)) throw wrongType(name, takes, value)
      return value
    },
  }
}

/** An object that other code reads: its own options are not looked at. */
export function objectOption<Value extends object>(takes = 'an object'): Option<Value> {
  return typedOption(takes, (value): value is Value => isObject(value))
}

/** An option with options of its own. Not given, it is undefined; given, all of them are resolved. */
export function groupOption<Table extends OptionTable>(
  within: Table,
): Option<OptionsOf<Table>, ResolvedOptions<Table> | undefined> {
  const takes = 'an object of options'
  return {
    takes,
    fallback: undefined,
    within,
    check(value, name) {
      if (!isObject(value)) throw wrongType(name, takes, value)
      // What is in it is checked by its own table.
      return value as OptionsOf<Table>
    },
  }
}

/** An `AbortSignal`, of this realm or another. */
export function signalOption(): Option<AbortSignal> {
  return typedOption('an AbortSignal', isSignal)
}

function isSignal(value: unknown): value is AbortSignal {
  if (value instanceof AbortSignal) return true
  if (!isObject(value)) return false
  const { aborted, addEventListener } = value as Partial<AbortSignal>
  return typeof aborted === 'boolean' && typeof addEventListener === 'function'
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function listText(choices: readonly string[]): string {
  const quoted = choices.map((choice) => `'${choice}'`)
  const last = quoted.pop() ?? ''
  return quoted.length === 0 ? last : `${quoted.join(', ')} or ${last}`
}

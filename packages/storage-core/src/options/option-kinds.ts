import {
  describeValue,
  type Option,
  type OptionsOf,
  type OptionTable,
  type ResolvedOptions,
} from './option-table.js'

/** Timers hold 31 bits; more would fire at once. */
export const MAX_TIMER_MS = 2_147_483_647

/** Which numbers an option takes. */
export interface NumberRange {
  /** The smallest value. Default: none. */
  readonly min?: number
  /** The value must be larger than this. */
  readonly above?: number
  /** The largest value. Default: none but `Infinity`, which is refused. */
  readonly max?: number
  readonly isInteger?: boolean
  /** `Infinity` is allowed too. */
  readonly isUnlimited?: boolean
}

/** A number. Without a default the option may be missing. */
export function numberOption(range: NumberRange, fallback: number): Option<number, number>
export function numberOption(range: NumberRange): Option<number>
export function numberOption(range: NumberRange, fallback?: number): Option<number, number | undefined> {
  const { min = -Infinity, above = -Infinity, max = Infinity, isInteger = false, isUnlimited = false } = range
  const expected = rangeText(range)
  const fits = (value: number) =>
    value >= min &&
    value > above &&
    value <= max &&
    (isUnlimited || Number.isFinite(value)) &&
    (!isInteger || Number.isInteger(value) || value === Infinity)
  return {
    fallback,
    check(value, name) {
      if (typeof value !== 'number') throw wrongType(name, expected, value)
      if (!fits(value)) throw notAllowed(name, expected, value)
      return value
    },
  }
}

/** A duration in milliseconds that a timer can hold, more than 0. */
export function durationOption(fallback: number): Option<number, number> {
  return numberOption({ above: 0, max: MAX_TIMER_MS }, fallback)
}

/** One of several texts. */
export function choiceOption<const Choice extends string>(
  choices: readonly Choice[],
  fallback: NoInfer<Choice>,
): Option<Choice, Choice> {
  const known: ReadonlySet<string> = new Set(choices)
  const isChoice = (value: string): value is Choice => known.has(value)
  const expected = listText(choices)
  return {
    fallback,
    check(value, name) {
      if (typeof value !== 'string') throw wrongType(name, expected, value)
      if (!isChoice(value)) throw notAllowed(name, expected, value)
      return value
    },
  }
}

/** Declares an option that is true or false. */
export function booleanOption(fallback: boolean): Option<boolean, boolean> {
  return typedOption('true or false', (value): value is boolean => typeof value === 'boolean', fallback)
}

/** Declares an option that is a string; with a default where `fallback` is given. */
export function textOption(fallback: string): Option<string, string>
export function textOption(): Option<string>
export function textOption(fallback?: string): Option<string, string | undefined> {
  return typedOption('text', (value): value is string => typeof value === 'string', fallback)
}

/** Declares an option that is a function; with a default where `fallback` is given. */
export function functionOption<Fn>(fallback: NoInfer<Fn>): Option<Fn, Fn>
export function functionOption<Fn>(): Option<Fn>
export function functionOption<Fn>(fallback?: Fn): Option<Fn, Fn | undefined> {
  return typedOption('a function', (value): value is Fn => typeof value === 'function', fallback)
}

/** Whatever `isValue` says yes to; `expected` is its name in messages, such as `'a function'`. */
export function typedOption<Value>(
  expected: string,
  isValue: (value: unknown) => value is Value,
): Option<Value>
export function typedOption<Value, Resolved>(
  expected: string,
  isValue: (value: unknown) => value is Value,
  fallback: Resolved,
): Option<Value, Value | Resolved>
export function typedOption<Value>(
  expected: string,
  isValue: (value: unknown) => value is Value,
  fallback?: Value,
): Option<Value, Value | undefined> {
  return {
    fallback,
    check(value, name) {
      if (!isValue(value)) throw wrongType(name, expected, value)
      return value
    },
  }
}

/** An object that other code reads: its own options are not looked at. */
export function objectOption<Value extends object>(expected = 'an object'): Option<Value> {
  return typedOption(expected, (value): value is Value => isObject(value))
}

/** An option with options of its own. Not given, it is undefined; given, all of them are resolved. */
export function groupOption<Table extends OptionTable>(
  within: Table,
): Option<OptionsOf<Table>, ResolvedOptions<Table> | undefined> {
  return {
    fallback: undefined,
    within,
    check(value, name) {
      if (!isObject(value)) throw wrongType(name, 'an object of options', value)
      return value
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

/** For an argument or option of the wrong type. Text is not shown: it may be a password that slipped. */
export function wrongType(name: string, expected: string, value: unknown): TypeError {
  const got = typeof value === 'string' ? 'text' : describeValue(value)
  return new TypeError(`\`${name}\` must be ${expected}, got ${got}`)
}

/** For one of the right type whose value is not allowed. */
export function notAllowed(name: string, expected: string, value: unknown): RangeError {
  return new RangeError(`\`${name}\` must be ${expected}, got ${describeValue(value)}`)
}

function rangeText({ min, above, max, isInteger }: NumberRange): string {
  const noun = isInteger === true ? 'an integer' : 'a number'
  if (min !== undefined && max !== undefined) return `${noun} from ${min} to ${max}`
  const bounds = [
    ...(min === undefined ? [] : [`of at least ${min}`]),
    ...(above === undefined ? [] : [`above ${above}`]),
    ...(max === undefined ? [] : [`of at most ${max}`]),
  ]
  return [noun, bounds.join(' and ')].join(' ').trimEnd()
}

function listText(choices: readonly string[]): string {
  const quoted = choices.map((choice) => `'${choice}'`)
  const last = quoted.pop() ?? ''
  return quoted.length === 0 ? last : `${quoted.join(', ')} or ${last}`
}

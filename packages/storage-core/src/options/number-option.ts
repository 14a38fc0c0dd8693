import { notAllowed, wrongType } from './option-errors.js'
import type { Option } from './option-table.js'

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
  const takes = rangeText(range)
  const fits = (value: number) =>
    value >= min &&
    value > above &&
    value <= max &&
    (isUnlimited || Number.isFinite(value)) &&
    (!isInteger || Number.isInteger(value) || value === Infinity)
  return {
    takes,
    fallback,
    check(value, name) {
      if (typeof value !== 'number') throw wrongType(name, takes, value)
      if (!fits(value)) throw notAllowed(name, takes, value)
      return value
    },
  }
}

/** A duration in milliseconds that a timer can hold, more than 0. */
export function durationOption(fallback: number): Option<number, number> {
  return numberOption({ above: 0, max: MAX_TIMER_MS }, fallback)
}

/** A duration in milliseconds that may be 0. */
export function pauseOption(fallback: number): Option<number, number> {
  return numberOption({ min: 0, max: MAX_TIMER_MS }, fallback)
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

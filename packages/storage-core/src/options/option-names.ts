import { nearestName } from './nearest-name.js'
import type { OptionTable } from './option-table.js'

/** Names of options; for an option that has options of its own, theirs. */
export interface OptionNames {
  readonly [name: string]: true | OptionNames
}

/** The names of all of `Options`: the compiler refuses a list that has one too few or too many. */
export type NamesOf<Options> = { readonly [name in KeysOf<Options>]: true | OptionNames }

type KeysOf<Options> = Options extends unknown ? Extract<keyof Options, string> : never

/**
 * Throws a `TypeError` for options that are no object, and for one that is not known, with the name that is most like
 * it. An option that is there and undefined counts as well. `subject` is what takes the options.
 */
export function checkOptionNames(subject: string, options: unknown, names: OptionNames): void {
  if (isObject(options) && isAllPlain(options, names)) return
  if (!isObject(options)) throw new TypeError(`${subject} takes an object of options`)
  checkWithin(subject, options, names, '')
}

/** The quick answer for calls that are many: known names, and nothing within. */
function isAllPlain(options: object, names: OptionNames): boolean {
  for (const name in options) if (names[name] !== true) return false
  return true
}

function checkWithin(subject: string, options: object, names: OptionNames, path: string): void {
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    const known = Object.hasOwn(names, name) ? names[name] : undefined
    if (known === undefined) {
      const hint = hintFor(name, Object.keys(names), path)
      throw new TypeError(`${subject} has no option ${JSON.stringify(path + name)}; ${hint}`)
    }
    // What is wrong with the value itself is told by whoever takes it.
    if (known !== true && isObject(value)) checkWithin(subject, value, known, `${path}${name}.`)
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function hintFor(name: string, known: readonly string[], path: string): string {
  const nearest = nearestName(name, known)
  if (nearest !== undefined) return `did you mean ${JSON.stringify(path + nearest)}?`
  return known.length === 0 ? 'it has none' : `it has ${known.join(', ')}`
}

/** The names in a table of declarations, for `checkOptionNames`. */
export function namesIn(table: OptionTable): OptionNames {
  return Object.fromEntries(
    Object.entries(table).map(([name, { within }]) => [name, within === undefined ? true : namesIn(within)]),
  )
}

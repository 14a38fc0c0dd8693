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
  return typeof value === 'object' && value !== null
}

function hintFor(name: string, known: readonly string[], path: string): string {
  const [best] = known
    .map((candidate) => ({ candidate, distance: distanceOf(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)
  if (best !== undefined && best.distance <= Math.max(2, best.candidate.length / 3))
    return `did you mean ${JSON.stringify(path + best.candidate)}?`
  return known.length === 0 ? 'it has none' : `it has ${known.join(', ')}`
}

/** How many letters are to be put in, taken out, changed, or swapped with their neighbours to make `b` of `a`. */
function distanceOf(a: string, b: string): number {
  let [before, last] = [[] as number[], Array.from({ length: b.length + 1 }, (_, j) => j)]
  const at = (row: readonly number[], j: number): number => row[j] ?? Infinity
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      row.push(
        Math.min(
          at(last, j) + 1,
          at(row, j - 1) + 1,
          at(last, j - 1) + change,
          isSwapped ? at(before, j - 2) + 1 : Infinity,
        ),
      )
    }
    ;[before, last] = [last, row]
  }
  return at(last, b.length)
}

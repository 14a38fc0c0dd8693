import { nearestName } from './nearest-name.js'

const MAX_SHOWN = 60

/** For an argument or option of the wrong type. Text is not shown: it may be a password that slipped. */
export function wrongType(name: string, expected: string, value: unknown): TypeError {
  const got = typeof value === 'string' ? 'text' : describeValue(value)
  return new TypeError(`\`${name}\` must be ${expected}, got ${got}`)
}

/** For one of the right type whose value is not allowed. */
export function notAllowed(name: string, expected: string, value: unknown): RangeError {
  return new RangeError(`\`${name}\` must be ${expected}, got ${describeValue(value)}`)
}

/** For options that need others which are not given. */
export function noEffect(without: string, ...names: readonly string[]): TypeError {
  return new TypeError(
    `Without \`${without}\`, ${names.map((name) => `\`${name}\``).join(' and ')} would have no effect`,
  )
}

/** For an option that is not known: names the closest known one, or all. `path` begins the names of a group. */
export function unknownOption(
  subject: string,
  known: readonly string[],
  name: string,
  path: string,
): TypeError {
  const nearest = nearestName(name, known)
  const all = known.length === 0 ? 'it has none' : `it has ${known.join(', ')}`
  const hint = nearest === undefined ? all : `did you mean ${JSON.stringify(path + nearest)}?`
  return new TypeError(`${subject} has no option ${JSON.stringify(path + name)}; ${hint}`)
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

/** The kind of a value, for messages that do not show it. */
export function kindOf(value: unknown): string {
  if (typeof value === 'string') return 'text'
  if (typeof value === 'object')
    return value === null ? 'null' : Array.isArray(value) ? 'a list' : 'an object'
  return typeof value === 'undefined' ? 'undefined' : `a ${typeof value}`
}

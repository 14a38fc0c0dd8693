/** A whole string of JSON, or a colon between two of them. */
const STRINGS_AND_COLONS = /"(?:[^"\\]|\\.)*"|:/g

/**
 * Arguments as a text that differs where they do, without a colon. Arguments at the end that are undefined are as
 * good as left out. Throws `TypeError` for what JSON has no form for, or the same as for something else.
 */
export function argumentsText(args: readonly unknown[]): string {
  let count = args.length
  while (count > 0 && args[count - 1] === undefined) count--
  const json = JSON.stringify(args.slice(0, count), refuseFormless)
  if (!json.includes(':')) return json
  return json.replace(STRINGS_AND_COLONS, (found) =>
    found === ':' ? '=' : found.replaceAll(':', String.raw`\u003a`),
  )
}

function refuseFormless(this: unknown, _name: string, value: unknown): unknown {
  const isFormless =
    (value === undefined && Array.isArray(this)) ||
    ['function', 'symbol', 'bigint'].includes(typeof value) ||
    (typeof value === 'number' && !Number.isFinite(value)) ||
    value instanceof Map ||
    value instanceof Set
  if (isFormless) {
    throw new TypeError(
      `JSON has no form for ${describe(value)}, which an argument of a cached query is or has`,
    )
  }
  return value
}

function describe(value: unknown): string {
  if (typeof value === 'number' || value === undefined) return String(value)
  return typeof value === 'object' ? 'a Map or a Set' : `a ${typeof value}`
}

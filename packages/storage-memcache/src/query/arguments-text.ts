import { toJsonText } from '@larder/storage-core/driver'

/** A whole string of JSON, or a colon between two of them. */
const STRINGS_AND_COLONS = /"(?:[^"\\]|\\.)*"|:/g

/**
 * Arguments as a text that differs where they do, without a colon. Arguments at the end that are undefined are as
 * good as left out. Throws `TypeError` for what JSON has no form for, or the same as for something else.
 */
export function argumentsText(args: readonly unknown[]): string {
  let count = args.length
  while (count > 0 && args[count - 1] === undefined) count--
  const given = args.slice(0, count)
  // Before undefined in an array becomes null, which is another argument.
  refuseHoles(given)
  const json = toJsonText(given, 'arguments')
  if (!json.includes(':')) return json
  return json.replace(STRINGS_AND_COLONS, (found) =>
    found === ':' ? '=' : found.replaceAll(':', String.raw`\u003a`),
  )
}

function refuseHoles(list: readonly unknown[]): void {
  for (const [i, each] of list.entries()) {
    if (each === undefined)
      throw new TypeError(`The member [${i}] of the arguments is undefined, which JSON cannot carry`)
    if (Array.isArray(each)) refuseHoles(each)
  }
}

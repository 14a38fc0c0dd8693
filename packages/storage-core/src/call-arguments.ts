import { UNSETTLED_OPTIONS, type UnsettledOptions } from './call-options.js'
import type { UnsettledRequest } from './storage-driver.js'
import { resolveOptions, wrongType } from './options/index.js'
import { PART_NAMES, type PartName } from './resource.js'

export function checkArray<T>(list: readonly T[], what: string): readonly T[] {
  if (!Array.isArray(list)) throw wrongType(what, 'a list', list)
  return list as readonly T[]
}

export function checkPart(part: PartName): PartName {
  if (!PART_NAMES.includes(part)) throw new TypeError(`There is no part named ${JSON.stringify(part)}`)
  return part
}

/** What `unsettled` is given, with its defaults. Throws `TypeError` and `RangeError`. */
export function unsettledCall(options: UnsettledOptions, work: unknown): UnsettledRequest {
  const { olderThanMs, keyPrefix, limit } = resolveOptions('unsettled', UNSETTLED_OPTIONS, options)
  if (typeof work !== 'function') throw wrongType('work', 'a function', work)
  return { olderThanMs, keyPrefix, limit }
}

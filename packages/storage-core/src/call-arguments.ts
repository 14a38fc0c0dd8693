import { CLAIM_OPTIONS, type ClaimOptions } from './call-options.js'
import type { ClaimRequest } from './storage-driver.js'
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

/** What `claim` is given, with its defaults. Throws `TypeError` and `RangeError`. */
export function claimCall(options: ClaimOptions, work: unknown): ClaimRequest {
  const { olderThanMs, keyPrefix, limit } = resolveOptions('claim', CLAIM_OPTIONS, options)
  if (typeof work !== 'function') throw wrongType('work', 'a function', work)
  return { olderThanMs, keyPrefix, limit }
}

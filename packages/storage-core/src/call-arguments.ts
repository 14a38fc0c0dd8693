import type { UnsettledRequest } from './driver.js'
import { PART_NAMES, type PartName } from './resource.js'
import type { UnsettledOptions } from './storage.js'

const DEFAULT_UNSETTLED = 100
const MAX_UNSETTLED = 1_000

export function checkArray<T>(list: readonly T[], what: string): readonly T[] {
  if (!Array.isArray(list)) throw new TypeError(`An array of ${what} is needed`)
  return list as readonly T[]
}

export function checkPart(part: PartName): PartName {
  if (!PART_NAMES.includes(part)) throw new TypeError(`There is no part named ${JSON.stringify(part)}`)
  return part
}

/** What `unsettled` is given, with its defaults. Throws `TypeError` and `RangeError`. */
export function unsettledCall(options: UnsettledOptions, work: unknown): UnsettledRequest {
  const { olderThanMs, keyPrefix = '', limit = DEFAULT_UNSETTLED } = options
  if (!(olderThanMs >= 0)) throw new RangeError('olderThanMs must be 0 or more')
  if (typeof keyPrefix !== 'string') throw new TypeError('keyPrefix must be a string')
  if (typeof work !== 'function') throw new TypeError('A function that settles rows is needed')
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_UNSETTLED) {
    throw new RangeError(`limit must be a whole number from 1 to ${MAX_UNSETTLED}`)
  }
  return { olderThanMs, keyPrefix, limit }
}

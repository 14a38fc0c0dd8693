import type { Option } from '@larder/storage-core/base'

/** pylibmc's own names of distributions that have another name here. */
export const PYLIBMC_DISTRIBUTIONS = Object.freeze({
  consistent: 'ketama',
  'consistent ketama': 'ketama',
  'consistent ketama spy': 'ketama_spy',
  'consistent weighted': 'ketama_weighted',
} as const)

/** pylibmc's own names of hashes that have another name here. */
export const PYLIBMC_HASHES = Object.freeze({ default: 'one-at-a-time' } as const)

/** Names that pylibmc lists and that no cache can use, each with the reason. */
const UNUSABLE_NAMES: Readonly<Partial<Record<string, string>>> = Object.freeze({
  random: 'it sends a key to another server each time, so no read finds what was stored',
  'virtual bucket': 'pylibmc cannot be given the map of buckets that it needs',
  'consistent max': 'it is only the end of the list in libmemcached, which refuses it too',
  hsieh: 'libmemcached is built without it, and refuses it too',
})

/** The same option, which says why it refuses a name that pylibmc lists. */
export function explained<Value, Resolved>(option: Option<Value, Resolved>): Option<Value, Resolved> {
  return {
    ...option,
    check(value, name) {
      const reason = typeof value === 'string' ? UNUSABLE_NAMES[value] : undefined
      if (reason !== undefined) throw new RangeError(`\`${name}\` must not be '${String(value)}': ${reason}`)
      return option.check(value, name)
    },
  }
}

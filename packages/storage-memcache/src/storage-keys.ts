import { type KeyGenerator, PART_NAMES, type PartName, type ResourceInfo } from '@larder/storage-core'
import { type ExternalChange, type WriteRequest } from '@larder/storage-core/driver'

const LISTING_SUFFIX = ':l'
const PART_SUFFIX: Readonly<Record<PartName, string>> = Object.freeze({ content: ':c', metadata: ':m' })

/** Where a part of a resource is cached. */
export function partKey(info: ResourceInfo, part: PartName): string {
  return info.partKey?.(part) ?? partKeyOf(info.key, part)
}

/** The same by the resource's key. */
export function partKeyOf(key: string, part: PartName): string {
  // Joined it is one string from the start; added, it would be put together when it is first read, which takes longer.
  return [key, PART_SUFFIX[part]].join('')
}

/** Where the parts are cached that a write is about. */
export function changedKeys({ info, changes }: WriteRequest): string[] {
  return PART_NAMES.filter((part) => changes[part] !== undefined).map((part) => partKey(info, part))
}

/** Where the head of a collection's listing is cached. */
export function headKey(keyOf: KeyGenerator, collection: string): string {
  return keyOf(collection, undefined) + LISTING_SUFFIX
}

/** What may be wrong after a change past the library. */
export function externalKeys(
  keyOf: KeyGenerator,
  { collection, resource, listed }: ExternalChange,
): string[] {
  const key = keyOf(collection, resource)
  const parts = PART_NAMES.map((part) => key + PART_SUFFIX[part])
  return listed ? [...parts, headKey(keyOf, collection)] : parts
}

/** Whether a key that a journal names is the head of a listing rather than a part. */
export function isHeadKey(key: string): boolean {
  return key.endsWith(LISTING_SUFFIX)
}

/** For a help that takes away whatever stands in the cache: newer than anything that can. */
export const NEWEST = Object.freeze({ version: Infinity })

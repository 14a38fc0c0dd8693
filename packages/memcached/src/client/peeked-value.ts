import type { PeekedItem } from '../cache.js'
import type { PeekedValue } from './client-options.js'
import { isLock } from './value-flags.js'

/** What `peek` of a client resolves to, for an item and the value that it decodes to. */
export function peekedValue<T>(item: PeekedItem, value: T | undefined): PeekedValue<T> {
  const { cas, ttlMs, idleMs, wasRead } = item
  return { value, cas, ttlMs, idleMs, wasRead, lockMs: isLock(item) ? ttlMs : undefined }
}

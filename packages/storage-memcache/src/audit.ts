import { type AuditOptions, auditParts, type AuditReport } from './audit/index.js'
import { auditableOf, type MemcacheStorage } from './memcache-storage.js'

/**
 * Compares what the cache holds with what is stored, while others read and write. Nothing is filled, removed or
 * counted as a use on the way (over the binary protocol, and for the pieces of values over the item limit, the server
 * counts a read). A difference is looked at again some time later, and counts only if the very same state still
 * stands in the cache on both sides of a second reading of the database: writes in flight are none.
 *
 * Resources are found by the names that the database lists, and by those that only the cached listing has. A listing
 * is compared where all of it was walked through; neither it nor the database's is held as a whole, and of resources
 * 16 at a time. Rejects with `E_ABORTED`, `E_CLOSED`, and with the errors of the storage behind; a cache that does
 * not answer is `unreachable`.
 * Throws `TypeError` or `RangeError` for options that make no sense, and for a storage that has none behind it.
 */
export async function audit(storage: MemcacheStorage, options: AuditOptions): Promise<AuditReport> {
  const auditable = auditableOf(storage)
  if (auditable === undefined)
    throw new TypeError(
      'An audit needs a MemcacheStorage with a storage behind it, to compare the cache with',
    )
  return auditParts(auditable, options)
}

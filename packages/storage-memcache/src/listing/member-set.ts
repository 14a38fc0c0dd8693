import type { Cache } from '@larder/memcached'
import { decodeHead, type Head, logKey } from './listing-head.js'
import { bucketOf, encodeEntries, type MemberEntry } from './member-log.js'

/** Asks the storage behind whether a resource is there now. */
export type IsStillThere = () => Promise<boolean>

/**
 * What writers do with cached listings: they add their change to a log of the set that stands after their commit. A
 * set that they have not seen while they held the row's lock may have been read before or after the change, and after
 * later ones. A removal does no harm there, as whatever is newer has a higher version; a creation is added only if
 * the resource is still there.
 */
export class MemberSet {
  readonly #cache: Cache

  constructor(cache: Cache) {
    this.#cache = cache
  }

  /**
   * The generation that writers add to now. Undefined: none, and whatever is built reads the storage behind later.
   * Rejects where the server does not answer.
   */
  async generation(headKey: string): Promise<string | undefined> {
    const head = decodeHead(await this.#cache.get(headKey))
    return head === undefined || head.state === 'leased' ? undefined : head.generation
  }

  /**
   * Makes a committed change visible, `seen` being the generation of when the row was locked. Rejects where the
   * server does not answer; may be repeated.
   */
  async record(
    headKey: string,
    seen: string | undefined,
    change: MemberEntry,
    isStillThere: IsStillThere,
  ): Promise<void> {
    await this.#settle(headKey, async (head) => {
      // The look at the storage comes after the one at the head: who removes it from now on finds this set or a later.
      if (change.present && head.generation !== seen && !(await isStillThere())) return true
      return this.#append(headKey, head, change)
    })
  }

  /** Takes the listing away, so that it is read anew. Rejects where the server does not answer. */
  async drop(headKey: string): Promise<void> {
    await this.#settle(headKey, () => Promise.resolve(false))
  }

  /** Repeats `step` on the set that stands until it has succeeded, or until there is no set that it concerns. */
  async #settle(headKey: string, step: (head: Head) => Promise<boolean>): Promise<void> {
    for (;;) {
      const item = await this.#cache.get(headKey)
      const head = decodeHead(item)
      // What is built from here on reads the storage behind later than this change was committed.
      if (item === undefined || head?.state === 'leased') return
      if (head !== undefined && (await step(head).catch(() => false))) return
      if ((await this.#cache.delete(headKey, { cas: item.cas })) !== 'exists') return
    }
  }

  /** False: too large, evicted or without an answer; then the set lacks an entry, and must go. */
  async #append(headKey: string, head: Head, change: MemberEntry): Promise<boolean> {
    const key = logKey(headKey, head, bucketOf(change.name, head.logs))
    return this.#cache.append(key, encodeEntries([change]))
  }
}

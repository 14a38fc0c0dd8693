import type { Cache } from '@larder/memcached'
import type { VersionFence } from '@larder/storage-core'
import type { LockDriver, LockGrant, LockRequest } from '@larder/storage-core/driver'
import { cacheKey, OwnedMarks } from '../coherence/index.js'

/** Locks that are marks in a cache, with numbers of a durable storage. */
export class MarkLockDriver implements LockDriver {
  readonly #marks: OwnedMarks
  readonly #prefix: string
  readonly #fence: VersionFence | undefined
  readonly #owned: readonly Cache[]

  constructor(cache: Cache, namespace: string, fence: VersionFence | undefined, owned: readonly Cache[]) {
    this.#marks = new OwnedMarks(cache)
    // Keys of resources that begin so are hashed, and hashes have no colon.
    this.#prefix = `${namespace}#lock:`
    this.#fence = fence
    this.#owned = owned
  }

  async attempt({ name, owner, leaseMs }: LockRequest): Promise<LockGrant | undefined> {
    const key = this.#key(name)
    const id = Buffer.from(owner)
    const token = await this.#marks.take(key, id, leaseMs)
    if (token === undefined) return undefined
    if (this.#fence === undefined) return { fencing: undefined }
    const fencing = await this.#fence.next(name, leaseMs)
    // Had the mark been lost meanwhile, a later holder's number could be smaller than this one.
    return (await this.#marks.confirm(key, id, leaseMs, token)) ? { fencing } : undefined
  }

  extend(name: string, owner: string, leaseMs: number): Promise<boolean> {
    return this.#marks.renew(this.#key(name), Buffer.from(owner), leaseMs)
  }

  release(name: string, owner: string): Promise<boolean> {
    return this.#marks.release(this.#key(name), Buffer.from(owner))
  }

  async close(): Promise<void> {
    for (const cache of this.#owned) await cache.close()
  }

  #key(name: string): string {
    return cacheKey(this.#prefix, name)
  }
}

import {
  isStorageError,
  type Storage,
  StorageError,
  type VersionFence,
  type WriteResult,
} from '@larder/storage-core'
import { type LockDriver, type LockGrant, type LockRequest } from '@larder/storage-core/driver'

/** How often a change is tried that meets others in the same counter. */
const ATTEMPTS = 50

interface Lease {
  readonly name: string
  readonly owner: string
  /** Milliseconds since 1970 by the clock of the machine, which is one for all who have the file open. */
  readonly untilMs: number
}

/**
 * Leases written down in the counters of the fencing numbers, by conditional writes: the version of the write that takes
 * a lock is its number.
 */
export class LeaseLockDriver implements LockDriver {
  readonly #storage: Storage
  readonly #fence: VersionFence

  constructor(storage: Storage, fence: VersionFence) {
    this.#storage = storage
    this.#fence = fence
  }

  async attempt({ name, owner, leaseMs }: LockRequest): Promise<LockGrant | undefined> {
    const taken = await this.#change(name, (lease) =>
      lease === undefined || lease.owner === owner ? leaseOf(name, owner, leaseMs) : 'nothing',
    )
    return taken && { fencing: taken.version }
  }

  async extend(name: string, owner: string, leaseMs: number): Promise<boolean> {
    const extended = await this.#change(name, (lease) =>
      lease?.owner === owner ? leaseOf(name, owner, leaseMs) : 'nothing',
    )
    return extended !== undefined
  }

  async release(name: string, owner: string): Promise<boolean> {
    const released = await this.#change(name, (lease) => (lease?.owner === owner ? undefined : 'nothing'))
    return released !== undefined
  }

  async close(): Promise<void> {}

  /** Puts a lease in the place of the one that stands, if any. Undefined: nothing was to be changed. */
  async #change(
    name: string,
    decide: (lease: Lease | undefined) => Lease | undefined | 'nothing',
  ): Promise<WriteResult | undefined> {
    const info = this.#fence.counterOf(name)
    for (let left = ATTEMPTS; left > 0; left--) {
      const [before] = await this.#storage.getMany([info])
      const leases = readLeases(before?.bytes)
      const decided = decide(leases.find((lease) => lease.name === name))
      if (decided === 'nothing') return undefined
      const others = leases.filter((lease) => lease.name !== name)
      const content = JSON.stringify(decided === undefined ? others : [...others, decided])
      const condition = before ? { ifMatch: before.etag } : { ifNoneMatch: '*' as const }
      try {
        return await this.#storage.putContent(info, content, condition)
      } catch (error) {
        if (!isStorageError(error, 'E_PRECONDITION_FAILED')) throw error
      }
    }
    throw new StorageError('E_CONFLICT', 'Others changed locks beside this one too often', { key: name })
  }
}

function leaseOf(name: string, owner: string, leaseMs: number): Lease {
  return { name, owner, untilMs: Date.now() + leaseMs }
}

/** Those that have not ended. */
function readLeases(bytes: Uint8Array | undefined): readonly Lease[] {
  if (bytes === undefined || bytes.length === 0) return []
  const now = Date.now()
  return (JSON.parse(Buffer.from(bytes).toString()) as Lease[]).filter(({ untilMs }) => untilMs > now)
}

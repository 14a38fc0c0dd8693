import { type AcquireOptions, type HeldLock, StorageError } from '@larder/storage-core'
import { DrivenLock, type LockRequest, untilAborted } from '@larder/storage-core/driver'
import type { OpenedLock } from '@larder/storage-core/testing'
import { LockHome, MapLockDriver, openLocks } from './map-lock.js'

/** A lock with one defect. */
export interface LockMutant {
  /** Says what it does wrong: 'A lock that ...'. */
  readonly that: string
  /** The group that must notice. */
  readonly group: string
  readonly open: () => OpenedLock
}

class LetsEverybodyIn extends MapLockDriver {
  protected override isFree(): boolean {
    return true
  }
}

class FoldsCase extends MapLockDriver {
  override attempt(request: LockRequest) {
    return super.attempt({ ...request, name: request.name.toLowerCase() })
  }

  override extend(name: string, owner: string, leaseMs: number) {
    return super.extend(name.toLowerCase(), owner, leaseMs)
  }

  override release(name: string, owner: string) {
    return super.release(name.toLowerCase(), owner)
  }
}

class CutsNames extends MapLockDriver {
  override attempt(request: LockRequest) {
    return super.attempt({ ...request, name: request.name.slice(0, 250) })
  }
}

class LooksBeforeItLeaps extends MapLockDriver {
  override async attempt(request: LockRequest) {
    if (!this.isFree(request.name)) return undefined
    await Promise.resolve()
    this.home.held.delete(request.name)
    return super.attempt(request)
  }
}

class ReleasesAnyones extends MapLockDriver {
  override async release(name: string) {
    return this.home.held.delete(name)
  }
}

class ReleasesNothing extends MapLockDriver {
  override async release() {
    return true
  }
}

class ExtendsAnyones extends MapLockDriver {
  override async extend(name: string, owner: string, leaseMs: number) {
    this.home.held.set(name, { owner, until: performance.now() + leaseMs })
    return true
  }
}

class ExtendsNothing extends MapLockDriver {
  override async extend(name: string, owner: string) {
    return this.home.held.get(name)?.owner === owner
  }
}

class KnowsNoOwnerAfterTheLease extends MapLockDriver {
  protected override isFree(name: string) {
    return !this.home.held.has(name)
  }

  override async release(name: string, owner: string) {
    const held = this.home.held.get(name)
    return held !== undefined && held.until > performance.now() && super.release(name, owner)
  }
}

class SaysThatAllWasHeld extends MapLockDriver {
  override async release(name: string, owner: string) {
    await super.release(name, owner)
    return true
  }
}

class CountsForItself extends MapLockDriver {
  #mine = 0

  protected override draw() {
    return ++this.#mine
  }
}

class WaitsInTheServer extends MapLockDriver {
  override async attempt(request: LockRequest) {
    while (!this.isFree(request.name)) await new Promise((resolve) => setTimeout(resolve, 5))
    return super.attempt(request)
  }
}

class IgnoresSignals extends DrivenLock {
  override acquire(name: string, { signal: _, ...options }: AcquireOptions = {}) {
    return super.acquire(name, options)
  }
}

class WaitsForever extends DrivenLock {
  override acquire(name: string, options: AcquireOptions = {}) {
    return super.acquire(name, { ...options, waitMs: 86_400_000 })
  }
}

class GivesUpAtOnce extends DrivenLock {
  override acquire(name: string, options: AcquireOptions = {}) {
    return super.acquire(name, { ...options, waitMs: 0 })
  }
}

class ServesTheLastFirst extends DrivenLock {
  readonly #waiting: (() => void)[] = []
  #isBusy = false

  override async withLock<T>(name: string, work: (held: HeldLock) => Promise<T>, options?: AcquireOptions) {
    if (this.#isBusy) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#isBusy = true
    try {
      return await super.withLock(name, work, options)
    } finally {
      this.#isBusy = false
      this.#waiting.pop()?.()
    }
  }
}

class KeepsItAfterAFailure extends DrivenLock {
  override async withLock<T>(name: string, work: (held: HeldLock) => Promise<T>, options?: AcquireOptions) {
    const held = await this.acquire(name, options)
    const result = await work(held)
    await held.release()
    return result
  }
}

class DoesNotExtend extends DrivenLock {
  override async withLock<T>(name: string, work: (held: HeldLock) => Promise<T>, options?: AcquireOptions) {
    await using held = await this.acquire(name, options)
    return await work(held)
  }
}

class KeepsThemWhenClosed extends DrivenLock {
  #isClosed = false

  override async acquire(name: string, options?: AcquireOptions) {
    if (this.#isClosed) throw new StorageError('E_CLOSED', 'It is closed')
    return super.acquire(name, options)
  }

  override async close() {
    this.#isClosed = true
  }
}

class LeavesWhatNobodyWants extends DrivenLock {
  override acquire(name: string, { signal, ...options }: AcquireOptions = {}) {
    return untilAborted(super.acquire(name, options), signal)
  }
}

function inDriver(group: string, that: string, Driver: typeof MapLockDriver): LockMutant {
  return { group, that, open: () => openLocks((home) => new Driver(home)) }
}

function inLock(group: string, that: string, Made: typeof DrivenLock): LockMutant {
  return { group, that, open: () => openLocks(undefined, (driver) => new Made(driver)) }
}

const EXCLUSION = 'one holder at a time'
const FENCING = 'fencing numbers'

export const LOCK_MUTANTS: readonly LockMutant[] = [
  inDriver(EXCLUSION, 'lets everybody in', LetsEverybodyIn),
  inDriver(EXCLUSION, 'looks before it leaps', LooksBeforeItLeaps),
  inDriver(EXCLUSION, 'takes names for the same that differ in case', FoldsCase),
  inDriver(EXCLUSION, 'cuts names', CutsNames),
  inDriver(EXCLUSION, 'releases nothing', ReleasesNothing),
  inDriver('leases', 'releases what is not its own', ReleasesAnyones),
  inDriver('leases', 'extends what is not its own', ExtendsAnyones),
  inDriver('leases', 'says that it extends and does not', ExtendsNothing),
  inDriver('leases', 'leaves what nobody extends to nobody', KnowsNoOwnerAfterTheLease),
  inDriver('leases', 'says of what was lost that it was held', SaysThatAllWasHeld),
  inDriver('withLock', 'says of what was lost that it was held', SaysThatAllWasHeld),
  inLock('withLock', 'does not extend', DoesNotExtend),
  inLock('withLock', 'keeps what failed', KeepsItAfterAFailure),
  inDriver(FENCING, 'counts a process by itself', CountsForItself),
  inDriver(
    FENCING,
    'has no numbers',
    class extends MapLockDriver {
      protected override draw() {
        return undefined
      }
    },
  ),
  inDriver(
    FENCING,
    'gives the same number again',
    class extends MapLockDriver {
      protected override draw() {
        return 7
      }
    },
  ),
  {
    group: FENCING,
    that: 'begins anew where the servers forget',
    open: () => {
      const home = new LockHome()
      const opened = openLocks(() => new MapLockDriver(home))
      return {
        ...opened,
        forget: async () => {
          home.held.clear()
          home.last = 0
        },
      }
    },
  },
  inLock('waiting', 'ignores signals', IgnoresSignals),
  inLock('waiting', 'waits for ever', WaitsForever),
  inLock('waiting', 'gives up at once', GivesUpAtOnce),
  inLock('waiting', 'serves the last one first', ServesTheLastFirst),
  inLock('waiting', 'leaves what was granted to one that has gone', LeavesWhatNobodyWants),
  inDriver('waiting', 'waits in the server', WaitsInTheServer),
  inLock('closing', 'keeps what is held when it is closed', KeepsThemWhenClosed),
  inDriver('closing', 'waits in the server', WaitsInTheServer),
]

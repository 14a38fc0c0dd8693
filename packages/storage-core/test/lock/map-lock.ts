import { DrivenLock, type LockDriver, type LockGrant, type LockRequest } from '@larder/storage-core/driver'
import type { OpenedLock } from '@larder/storage-core/testing'

/** The server that several locks share. */
export class LockHome {
  readonly held = new Map<string, { readonly owner: string; readonly until: number }>()
  last = 0
}

/** Locks in a map: what the shell and the contract suite are tested with. */
export class MapLockDriver implements LockDriver {
  constructor(readonly home: LockHome) {}

  async attempt({ name, owner, leaseMs }: LockRequest): Promise<LockGrant | undefined> {
    if (!this.isFree(name)) return undefined
    this.home.held.set(name, { owner, until: performance.now() + leaseMs })
    return { fencing: this.draw() }
  }

  async extend(name: string, owner: string, leaseMs: number): Promise<boolean> {
    if (this.home.held.get(name)?.owner !== owner) return false
    this.home.held.set(name, { owner, until: performance.now() + leaseMs })
    return true
  }

  async release(name: string, owner: string): Promise<boolean> {
    if (this.home.held.get(name)?.owner !== owner) return false
    return this.home.held.delete(name)
  }

  async close(): Promise<void> {}

  protected isFree(name: string): boolean {
    const held = this.home.held.get(name)
    return held === undefined || held.until <= performance.now()
  }

  protected draw(): number | undefined {
    return ++this.home.last
  }
}

export function openLocks(
  driver: (home: LockHome) => LockDriver = (home) => new MapLockDriver(home),
  make: (driver: LockDriver) => DrivenLock = (made) => new DrivenLock(made),
): OpenedLock {
  const home = new LockHome()
  const open = () => make(driver(home))
  return {
    lock: open(),
    another: async () => open(),
    fencing: true,
    forget: async () => home.held.clear(),
  }
}

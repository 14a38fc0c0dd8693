import { StorageError, type VersionFence } from '@larder/storage-core'
import { type LockDriver, type LockGrant, type LockRequest } from '@larder/storage-core/driver'
import type { Statement } from '../dialects/index.js'
import type { StorageDatabase } from '../opening/index.js'
import { ADVISORY, type AdvisoryDialect, type LockStatements } from './advisory.js'
import { LockSession } from './lock-session.js'

/** Advisory locks: one session has all of them, as long as it lives. */
export class SessionLockDriver implements LockDriver {
  readonly #database: StorageDatabase
  readonly #advisory: AdvisoryDialect
  readonly #fence: VersionFence
  readonly #idleMs: number
  /** Sessions take a lock that they have once more: what is whose is known here alone. */
  readonly #requests = new Map<string, LockRequest>()
  #session: Promise<LockSession> | undefined
  #scope = ''
  #isClosed = false

  constructor(database: StorageDatabase, family: 'postgres' | 'mysql', fence: VersionFence, idleMs: number) {
    this.#database = database
    this.#advisory = ADVISORY[family]
    this.#fence = fence
    this.#idleMs = idleMs
    this.#scope = `${String(database.dataSource.driver.database)}\0${database.prefix}`
  }

  async attempt(request: LockRequest): Promise<LockGrant | undefined> {
    const { name, owner, leaseMs } = request
    const session = await this.#open()
    const { take, look } = this.#statements(name)
    const known = this.#requests.get(name)
    if (known !== undefined && known.owner !== owner) return undefined
    if (known === undefined && !(await this.#take(request, session, take))) return undefined
    const fencing = await this.#fence.next(name, leaseMs)
    // Had the session ended meanwhile, a later holder's number could be smaller than this one.
    return (await session.ask(look)) ? { fencing } : undefined
  }

  async extend(name: string, owner: string): Promise<boolean> {
    if (this.#requests.get(name)?.owner !== owner) return false
    const session = await this.#session
    return session !== undefined && session.ask(this.#statements(name).look)
  }

  async release(name: string, owner: string): Promise<boolean> {
    if (this.#requests.get(name)?.owner !== owner) return false
    const session = await this.#session
    if (session === undefined || session.isOver) return false
    const wasHeld = await session.ask(this.#statements(name).release)
    this.#requests.delete(name)
    return wasHeld
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const session = await this.#session?.catch(() => undefined)
    await session?.close()
  }

  /** Noted before it is asked: of two who ask at once, the session would tell both that they have it. */
  async #take(request: LockRequest, session: LockSession, take: Statement): Promise<boolean> {
    this.#requests.set(request.name, request)
    let isTaken = false
    try {
      isTaken = await session.ask(take)
    } finally {
      if (!isTaken && this.#requests.get(request.name) === request) this.#requests.delete(request.name)
    }
    return isTaken
  }

  #statements(name: string): LockStatements {
    return this.#advisory.statements(this.#scope, name)
  }

  #open(): Promise<LockSession> {
    if (this.#isClosed) throw new StorageError('E_CLOSED', 'The lock is closed')
    if (this.#session === undefined) {
      const opening = LockSession.open(this.#database, this.#advisory, this.#idleMs, this.#onEnd)
      this.#session = opening
      opening.catch(() => {
        if (this.#session === opening) this.#session = undefined
      })
    }
    return this.#session
  }

  readonly #onEnd = (): void => {
    this.#session = undefined
    const lost = [...this.#requests.values()]
    this.#requests.clear()
    for (const { onLost } of lost) onLost()
  }
}

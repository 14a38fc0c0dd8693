import { resolveOptions, StorageError } from '@larder/storage-core/base'
import type { CasToken } from '../cache.js'
import { mergeSession, sessionParts, textOf, type SessionParts } from './session-parts.js'
import {
  SESSION_OPTIONS,
  type SessionClient,
  type SessionSettings,
  type SessionStoreOptions,
} from './session-options.js'

/** More collisions in a row than parallel requests of one browser make. */
const MAX_ATTEMPTS = 100

/** The property of a session that says what was stored when it was read. JSON leaves it out. */
export const READ_STATE = '@larder/read'

/** A session as a program has it. */
export interface SessionLike {
  readonly cookie?: { readonly originalMaxAge?: unknown; readonly expires?: unknown } | undefined
}

/** What was stored when a request read the session, or saved it last. */
export class ReadState {
  parts: SessionParts
  cas: CasToken | undefined

  constructor(parts: SessionParts, cas: CasToken | undefined) {
    this.parts = parts
    this.cas = cas
  }

  toJSON(): undefined {
    return undefined
  }
}

/** Sessions as items. A save never loses what a parallel request has saved, and never brings a destroyed session back. */
export class SessionItems {
  readonly #client: SessionClient
  readonly #settings: SessionSettings

  constructor(name: string, options: SessionStoreOptions) {
    const settings = resolveOptions(name, SESSION_OPTIONS, options)
    if (settings.client === undefined) throw new TypeError(`${name} needs a \`client\``)
    this.#client = settings.client
    this.#settings = settings
  }

  /** The session's data, with its read state; `undefined`: there is none. */
  async read(id: string): Promise<object | undefined> {
    const found = await this.#client.gets<string>(id, this.#call)
    if (found === undefined) return undefined
    const data = JSON.parse(found.value) as object
    return { ...data, [READ_STATE]: new ReadState(sessionParts(data), found.cas) }
  }

  async save(id: string, session: SessionLike): Promise<void> {
    const ttlMs = this.#lifeOf(session)
    if (ttlMs <= 0) return this.destroy(id)
    const state = stateOf(session)
    const parts = sessionParts(session)
    if (state === undefined) {
      await this.#client.set(id, textOf(parts), { ...this.#call, ttlMs })
      return keepState(session, new ReadState(parts, undefined))
    }
    const saved = await this.#saveOver(id, parts, state, ttlMs)
    if (saved === undefined) return
    state.parts = saved
    state.cas = undefined
  }

  /** Lets the session live anew; what is in it stays as it is stored. */
  async touch(id: string, session: SessionLike): Promise<void> {
    const ttlMs = this.#lifeOf(session)
    if (ttlMs <= 0) return this.destroy(id)
    await this.#client.touch(id, ttlMs, this.#call)
  }

  /** Requests that have read the session cannot save it for a while. */
  async destroy(id: string): Promise<void> {
    await this.#client.delete(id, { ...this.#call, lockMs: this.#settings.destroyedMs })
  }

  get #call(): { readonly keyPrefix: string } {
    return { keyPrefix: this.#settings.keyPrefix }
  }

  /** What is stored then; `undefined`: the session was destroyed, or a client that forgives got no answer. */
  async #saveOver(
    id: string,
    parts: SessionParts,
    { parts: base, cas }: ReadState,
    ttlMs: number,
  ): Promise<SessionParts | undefined> {
    const call = { ...this.#call, ttlMs }
    if (cas !== undefined) {
      const isStored = await this.#client.cas(id, textOf(parts), cas, call)
      if (isStored !== false) return isStored && parts
    }
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const found = await this.#client.gets<string>(id, this.#call)
      if (found === undefined) {
        // Evicted, or lost in a restart: it is stored again. A destroyed one left a lock, which `add` does not replace.
        const isStored = await this.#client.add(id, textOf(parts), call)
        if (isStored !== false) return isStored && parts
        if ((await this.#client.gets(id, this.#call)) === undefined) return undefined
        continue
      }
      const stored = sessionParts(JSON.parse(found.value) as object)
      const merged = mergeSession(base, parts, stored)
      if (merged.isConflict && this.#settings.onConflict === 'reject') throw conflict()
      const isStored = await this.#client.cas(id, textOf(merged.parts), found.cas, call)
      if (isStored !== false) return isStored && merged.parts
    }
    throw conflict()
  }

  #lifeOf({ cookie }: SessionLike): number {
    const { originalMaxAge, expires } = cookie ?? {}
    if (typeof originalMaxAge === 'number') return originalMaxAge
    const end = expires instanceof Date || typeof expires === 'string' ? new Date(expires).getTime() : NaN
    return Number.isNaN(end) ? this.#settings.ttlMs : end - Date.now()
  }
}

function stateOf(session: object): ReadState | undefined {
  const state = (session as { readonly [READ_STATE]?: unknown })[READ_STATE]
  return state instanceof ReadState ? state : undefined
}

/** So that a later save of the same request compares with this one. */
export function keepState(session: object, state: ReadState): void {
  Object.defineProperty(session, READ_STATE, {
    value: state,
    enumerable: false,
    configurable: true,
    writable: true,
  })
}

function conflict(): StorageError {
  return new StorageError('E_CONFLICT', 'Another request changed the session since this one read it')
}

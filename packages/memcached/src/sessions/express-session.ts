/**
 * A store for `express-session`.
 *
 * @packageDocumentation
 */

import type { IncomingMessage } from 'node:http'
import session, { type Session, type SessionData } from 'express-session'
import { callBack } from './call-back.js'
import { keepState, READ_STATE, SessionItems, type ReadState } from './session-items.js'
import type { SessionStoreOptions } from './session-options.js'

export type { SessionStoreOptions } from './session-options.js'

type StoreRequest = Parameters<session.Store['createSession']>[0] & IncomingMessage

/** Sessions of `express-session` in memcached. See `SessionStoreOptions.onConflict` for parallel requests. */
export class MemcacheSessionStore extends session.Store {
  readonly #items: SessionItems

  /** Throws `TypeError` or `RangeError` for options that make no sense. */
  constructor(options: SessionStoreOptions) {
    super()
    this.#items = new SessionItems('MemcacheSessionStore', options)
  }

  override get(sid: string, callback: (error: unknown, session?: SessionData | null) => void): void {
    callBack<SessionData | null | undefined>(
      this.#items.read(sid) as Promise<SessionData | undefined>,
      callback,
    )
  }

  override set(sid: string, data: SessionData, callback?: (error?: unknown) => void): void {
    callBack(this.#items.save(sid, data), callback)
  }

  override touch(sid: string, data: SessionData, callback?: (error?: unknown) => void): void {
    callBack(this.#items.touch(sid, data), callback)
  }

  override destroy(sid: string, callback?: (error?: unknown) => void): void {
    callBack(this.#items.destroy(sid), callback)
  }

  /** Hides the read state, so that the properties of a session are those of the program. */
  override createSession(request: StoreRequest, data: SessionData): Session & SessionData {
    const created = super.createSession(request, data)
    const state = (data as { readonly [READ_STATE]?: ReadState })[READ_STATE]
    if (state !== undefined) keepState(created, state)
    return created
  }
}

/**
 * A store for `@fastify/session`.
 *
 * @packageDocumentation
 */

import type { Session } from 'fastify'
import type { SessionStore } from '@fastify/session'
import { callBack } from './call-back.js'
import { SessionItems } from './session-items.js'
import type { SessionStoreOptions } from './session-options.js'

export type { SessionStoreOptions } from './session-options.js'

/** Sessions of `@fastify/session` in memcached. See `SessionStoreOptions.onConflict` for parallel requests. */
export class MemcacheSessionStore implements SessionStore {
  readonly #items: SessionItems

  /** Throws `TypeError` or `RangeError` for options that make no sense. */
  constructor(options: SessionStoreOptions) {
    this.#items = new SessionItems('MemcacheSessionStore', options)
  }

  get(sessionId: string, callback: (error: unknown, session?: Session | null) => void): void {
    callBack<Session | null | undefined>(
      this.#items.read(sessionId) as Promise<Session | undefined>,
      callback,
    )
  }

  set(sessionId: string, session: Session, callback: (error?: unknown) => void): void {
    callBack(this.#items.save(sessionId, session), callback)
  }

  destroy(sessionId: string, callback: (error?: unknown) => void): void {
    callBack(this.#items.destroy(sessionId), callback)
  }
}

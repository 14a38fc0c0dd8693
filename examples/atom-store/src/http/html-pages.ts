import type { Hono } from 'hono'
import type { Collection } from '../store/collection.js'
import type { PagePlace } from '../store/feed-page.js'
import type { Call, Env } from './env.js'

/**
 * What people see. The three functions answer where a browser asks for `text/html` at the addresses of the protocol;
 * whoever may not read has been turned away before.
 */
export interface HtmlPages {
  /** Adds routes below `/pages`. */
  mount(app: Hono<Env>): void
  home(call: Call): Promise<Response>
  /** Drafts are shown where `withDrafts` says so. */
  collection(call: Call, collection: Collection, place: PagePlace, withDrafts: boolean): Promise<Response>
  entry(call: Call, collection: Collection, name: string): Promise<Response>
}

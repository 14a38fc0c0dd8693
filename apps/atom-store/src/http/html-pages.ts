import type { Hono } from 'hono'
import type { Problem } from '../problem.js'
import type { Collection, PagePlace } from '../store/index.js'
import type { Call, Env } from './env.js'

/**
 * What people see. The functions answer where a browser asks for `text/html` at the addresses of the protocol; whoever
 * may not read has been turned away before.
 */
export interface HtmlPages {
  /** Adds addresses below `/pages`. */
  mount(app: Hono<Env>): void
  home(call: Call): Promise<Response>
  collection(call: Call, collection: Collection, place: PagePlace): Promise<Response>
  entry(call: Call, collection: Collection, name: string): Promise<Response>
  problem(call: Call, problem: Problem): Promise<Response>
}

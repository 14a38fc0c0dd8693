import type { Hono } from 'hono'
import { Problem } from '../problem.js'
import type { Call, Env } from './env.js'

export const READING: readonly string[] = Object.freeze(['GET', 'HEAD'])
/** What changes nothing. */
export const SAFE: readonly string[] = Object.freeze([...READING, 'OPTIONS'])

type Handler = (call: Call) => Response | Promise<Response>

/** What can be done at an address. HEAD goes wherever GET does. */
export interface Methods {
  readonly GET: Handler
  readonly POST?: Handler
  readonly PUT?: Handler
  readonly DELETE?: Handler
}

/**
 * Adds an address. OPTIONS tells what is possible there, and all else is a 405; where `isReadOnly` says so only reading
 * is possible. `isReadOnly` may throw a `Problem` for an address where nothing is.
 */
export function resource(
  app: Hono<Env>,
  path: string,
  methods: Methods,
  isReadOnly: (call: Call) => boolean = () => false,
): void {
  app.all(path, (call) => {
    const { method } = call.req
    const isReading = READING.includes(method)
    const handlers: ReadonlyMap<string, Handler> = new Map(
      Object.entries(isReadOnly(call) ? { GET: methods.GET } : methods),
    )
    const handler = handlers.get(isReading ? 'GET' : method)
    if (handler !== undefined) return handler(call)
    const allowed = { Allow: [...SAFE, ...[...handlers.keys()].filter((each) => each !== 'GET')].join(', ') }
    if (method === 'OPTIONS') return call.body(null, 204, allowed)
    throw new Problem(405, `${method} is not possible here`, { headers: allowed })
  })
}

import { Problem } from '../problem.js'
import type { Call } from './env.js'

/**
 * A page elsewhere must not write in the name of whoever is signed in here. Browsers say where a write comes from, in one
 * header or the other, and programs say nothing. Throws a `Problem` 403.
 */
export function checkOrigin(call: Call): void {
  const origin = call.req.header('origin')
  const site = call.req.header('sec-fetch-site') ?? 'none'
  const own = [new URL(call.var.base).origin, new URL(call.req.url).origin]
  const isHere = origin === undefined ? ['none', 'same-origin'].includes(site) : own.includes(origin)
  if (!isHere) throw new Problem(403, 'Pages of other servers cannot write here')
}

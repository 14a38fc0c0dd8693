import Negotiator from 'negotiator'
import { Problem } from '../problem.js'

/** The one of `types` that the client likes best. Throws a `Problem` 406. */
export function preferred(request: Request, types: readonly string[]): string {
  const found = choose(request, types)
  if (found !== undefined) return found
  throw new Problem(406, `There is only ${types.join(', ')}`)
}

/** Whether somebody looks at it in a browser. */
export function wantsPage(request: Request): boolean {
  return choose(request, ['text/plain', 'text/html']) === 'text/html'
}

function choose({ headers }: Request, types: readonly string[]): string | undefined {
  // Everything is in UTF-8.
  const accept = headers.get('accept')?.replace(/;\s*charset\s*=\s*"?utf-8"?/gi, '') || '*/*'
  return new Negotiator({ headers: { accept } }).mediaType([...types])
}

import Negotiator from 'negotiator'
import { Problem } from '../problem.js'

/** The one of `types` that the client likes best. Throws a `Problem` 406. */
export function preferred(request: Request, types: readonly string[]): string {
  const accept = request.headers.get('accept') ?? '*/*'
  const found = new Negotiator({ headers: { accept } }).mediaType([...types])
  if (found !== undefined) return found
  throw new Problem(406, `There is only ${types.join(' and ')}`)
}

import { Problem } from '../problem.js'

/** Throws a `Problem` 400 that names the section of RFC 4287 unless a rule holds. */
export function rule(holds: boolean, sentence: string, section: string): asserts holds {
  if (!holds) throw new Problem(400, `${sentence} (RFC 4287, section ${section})`)
}

import type { PartCache, Peeked } from './part-cache.js'

/** Answers from the cache whether any of some keys has a value. */
export class Presence {
  readonly #cache: PartCache

  constructor(cache: PartCache) {
    this.#cache = cache
  }

  /** `'missing'`: there was a moment at which all of the keys were known to be absent. Never rejects. */
  async lookUp(keys: readonly string[]): Promise<Peeked['presence']> {
    const first = await this.#peek(keys)
    const presence = joined(first)
    if (presence !== 'missing' || keys.length === 1) return presence
    // Each absence is of a moment of its own, and the parts may have come and gone by turns. Items that still are the
    // same after all lookups were answered stood together between the two rounds.
    const second = await this.#peek(keys)
    if (joined(second) !== 'missing') return joined(second)
    return first.every((peeked, i) => isSameAbsence(peeked, second[i])) ? 'missing' : 'unknown'
  }

  #peek(keys: readonly string[]): Promise<Peeked[]> {
    return Promise.all(keys.map((key) => this.#cache.peek(key)))
  }
}

function joined(peeked: readonly Peeked[]): Peeked['presence'] {
  if (peeked.some(({ presence }) => presence === 'exists')) return 'exists'
  return peeked.some(({ presence }) => presence === 'unknown') ? 'unknown' : 'missing'
}

function isSameAbsence(first: Peeked, second: Peeked | undefined): boolean {
  return first.presence === 'missing' && second?.presence === 'missing' && first.token.equals(second.token)
}

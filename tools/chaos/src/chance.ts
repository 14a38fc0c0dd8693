/** Chance that comes out the same for the same seed: the generator `mulberry32`. */
export class Chance {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 up to, not including, 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  /** A whole number from `low` up to, not including, `high`. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low))
  }

  pick<T>(list: readonly T[]): T {
    const index = this.between(0, list.length)
    if (!(index in list)) throw new RangeError('There is nothing to pick from')
    return list[index] as T
  }

  shuffle<T>(list: readonly T[]): T[] {
    const left = [...list]
    return list.map(() => left.splice(this.between(0, left.length), 1)[0] as T)
  }
}

/** Deals each card once before any comes again, so that a short run has seen them all. */
export class Deck<T> {
  readonly #cards: readonly T[]
  readonly #chance: Chance
  #left: T[] = []

  constructor(cards: readonly T[], chance: Chance) {
    if (cards.length === 0) throw new RangeError('A deck needs cards')
    this.#cards = cards
    this.#chance = chance
  }

  deal(): T {
    if (this.#left.length === 0) this.#left = this.#chance.shuffle(this.#cards)
    return this.#left.pop() as T
  }
}

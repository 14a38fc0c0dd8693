import type { StoredResult } from './query-form.js'

/** Loads what the cache does not have, all keys in one call; a key that is not in the answer has no value. */
export type LoadMany = (keys: readonly string[]) => Promise<ReadonlyMap<string, StoredResult>>

interface Round {
  readonly keys: string[]
  readonly onStart: (() => void)[]
  readonly result: Promise<ReadonlyMap<string, StoredResult>>
  readonly start: () => void
}

/** Collects the keys of one call that must be loaded: the loader runs once for all that are known to miss. */
export class LoaderBatch {
  readonly #load: LoadMany
  /** Keys of which it is not known yet whether they must be loaded. */
  #undecided: number
  #round: Round | undefined

  constructor(load: LoadMany, undecided: number) {
    this.#load = load
    this.#undecided = undecided
  }

  /** `onStart` is called right before the loader is. */
  async load(key: string, onStart: () => void): Promise<StoredResult> {
    const round = (this.#round ??= this.#open())
    round.keys.push(key)
    round.onStart.push(onStart)
    // Whoever had to wait for another's loader is past the common start.
    if (this.#undecided === 0) queueMicrotask(() => this.#startIfDecided())
    return (await round.result).get(key)
  }

  /** One key has been found, is going to wait, or is in `load`. */
  decided(): void {
    this.#undecided--
    this.#startIfDecided()
  }

  #startIfDecided(): void {
    if (this.#undecided > 0) return
    const round = this.#round
    this.#round = undefined
    round?.start()
  }

  #open(): Round {
    const keys: string[] = []
    const onStart: (() => void)[] = []
    let start: () => void = () => undefined
    const result = new Promise<void>((resolve) => (start = resolve)).then(() => {
      for (const tell of onStart) tell()
      return this.#load(keys)
    })
    return { keys, onStart, result, start }
  }
}

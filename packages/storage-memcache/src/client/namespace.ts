import { randomBytes } from 'node:crypto'
import type { Cache, CallOptions } from '../cache.js'

const STAMP_BYTES = 9
const WITHOUT_TOKEN = Object.freeze({ withoutToken: true })

/**
 * Keys under a stamp that is itself an item: to change the stamp is to lose all keys at once. A stamp is random
 * and never counted, so that one that was evicted comes back as one that no key was ever stored under.
 */
export class Namespace {
  readonly #cache: Cache
  readonly #stampKey: string
  readonly #name: string
  #asking: Promise<string> | undefined
  /** What the last answer was; not what the next will be. */
  #guess: string | undefined

  /** `name` with everything before it: namespaces nest. */
  constructor(cache: Cache, name: string) {
    this.#cache = cache
    this.#name = name
    this.#stampKey = `${name}#`
  }

  /** The same namespace over another cache. */
  over(cache: Cache): Namespace {
    return new Namespace(cache, this.#name)
  }

  /** What goes before each key. Asks the cache once for all calls that come before the question is sent. */
  prefix(): Promise<string> {
    this.#asking ??= Promise.resolve().then(() => {
      // A call from here on may follow a flush, and must not get an answer to an earlier question.
      this.#asking = undefined
      return this.#ask().then((prefix) => (this.#guess = prefix))
    })
    return this.#asking
  }

  /**
   * Runs a command with what goes before its key. It is sent together with the question, under the answer to the one
   * before, and once more where that has changed: under a stamp that was given up nobody will look again, so that
   * what a command did there is as if it had never been.
   */
  under<T>(run: (prefix: string) => Promise<T>): Promise<T> {
    const guess = this.#guess
    if (guess === undefined) return this.prefix().then(run)
    const early = run(guess)
    // Where the stamp has changed, nobody asks what became of it.
    early.catch(() => {})
    return this.prefix().then((prefix) => (prefix === guess ? early : run(prefix)))
  }

  /** One store, however many keys there are. */
  async flush(options?: CallOptions): Promise<void> {
    await this.#cache.set(this.#stampKey, newStamp(), options)
  }

  async #ask(): Promise<string> {
    for (;;) {
      const found = await this.#cache.get(this.#stampKey, WITHOUT_TOKEN)
      if (found !== undefined) return `${this.#name}#${found.value.toString('latin1')}:`
      const stamp = newStamp()
      if ((await this.#cache.add(this.#stampKey, stamp)) !== undefined)
        return `${this.#name}#${stamp.toString()}:`
    }
  }
}

function newStamp(): Buffer {
  return Buffer.from(randomBytes(STAMP_BYTES).toString('base64url'))
}

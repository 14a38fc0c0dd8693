import { randomBytes } from 'node:crypto'
import type { CallOptions } from '../cache.js'
import type { CommandCache } from '../command-cache.js'
import { withSharedDeadline } from './with-shared-deadline.js'

const STAMP_BYTES = 9
/** As long as a stamp in base64url. */
const SAMPLE_STAMP = 'x'.repeat((STAMP_BYTES * 4) / 3)

/** What goes before each key. */
export interface Stamp {
  readonly prefix: string
  /** When it was asked for, on the clock of `performance.now`. */
  readonly askedAt: number
}

/**
 * Keys under a stamp that is itself an item: to change the stamp is to lose all keys at once. A stamp is random
 * and never counted, so that one that was evicted comes back as one that no key was ever stored under.
 */
export class Namespace {
  readonly #cache: CommandCache
  readonly #stampKey: string
  readonly #name: string
  #asking: Promise<Stamp> | undefined
  /** What the last answer was; not what the next will be. */
  #guess: string | undefined

  /** `name` with everything before it. */
  constructor(cache: CommandCache, name: string) {
    this.#cache = cache
    this.#name = name
    this.#stampKey = `${name}#`
  }

  /** As long as what goes before each key, so that keys can be checked before the stamp is known. */
  get samplePrefix(): string {
    return this.#prefixOf(SAMPLE_STAMP)
  }

  /** The same namespace over another cache. */
  over(cache: CommandCache): Namespace {
    return new Namespace(cache, this.#name)
  }

  /** Asks the cache once for all calls that come before the question is sent. */
  stamp(): Promise<Stamp> {
    this.#asking ??= Promise.resolve().then(async () => {
      // A call from here on may follow a flush, and must not get an answer to an earlier question.
      this.#asking = undefined
      const askedAt = performance.now()
      const prefix = await this.#ask(askedAt)
      this.#guess = prefix
      return { prefix, askedAt }
    })
    return this.#asking
  }

  /**
   * Runs a command with what goes before its key. It is sent together with the question, under the answer to the one
   * before, and `again` runs it where that has changed: under a stamp that was given up nobody will look again, so
   * that what a command did there is as if it had never been.
   */
  under<T>(run: (prefix: string) => Promise<T>, again: (stamp: Stamp) => Promise<T>): Promise<T> {
    const guess = this.#guess
    if (guess === undefined) return this.stamp().then(again)
    const early = run(guess)
    // Where the stamp has changed, nobody asks what became of it.
    early.catch(() => {})
    return this.stamp().then((stamp) => (stamp.prefix === guess ? early : again(stamp)))
  }

  /** One store, however many keys there are. */
  async flush(options?: CallOptions): Promise<void> {
    await this.#cache.set(this.#stampKey, newStamp(), options)
  }

  async #ask(start: number): Promise<string> {
    const found = await this.#find()
    return found ?? withSharedDeadline(this.#cache, { batch: this }, (call) => this.#create(call), start)
  }

  async #create(call: CallOptions): Promise<string> {
    for (;;) {
      const stamp = newStamp()
      if ((await this.#cache.add(this.#stampKey, stamp, call)) !== undefined)
        return this.#prefixOf(stamp.toString())
      const found = await this.#find(call)
      if (found !== undefined) return found
    }
  }

  /** Waits for a place, because batches ask for it too. */
  async #find(call: CallOptions = { batch: this }): Promise<string | undefined> {
    const found = await this.#cache.get(this.#stampKey, { ...call, withoutToken: true })
    return found && this.#prefixOf(found.value.toString('latin1'))
  }

  #prefixOf(stamp: string): string {
    return `${this.#name}#${stamp}:`
  }
}

function newStamp(): Buffer {
  return Buffer.from(randomBytes(STAMP_BYTES).toString('base64url'))
}

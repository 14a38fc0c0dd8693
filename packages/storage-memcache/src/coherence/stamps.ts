import type { Cache, Environment } from '@larder/memcached'
import { settleAll } from './promises.js'

/** What a group of entries stood under when it was asked, in the order of the groups. */
export type StampsNow = readonly string[]

/**
 * Stamps void many entries by one store: an entry remembers the stamps that it was made under, and is worth nothing
 * once one of them is another. A stamp is random and never counted, so that one that was evicted comes back as one
 * that no entry was made under.
 */
export class Stamps {
  readonly #cache: Cache
  readonly #env: Environment
  #asked: Map<string, Promise<string | undefined>> | undefined

  constructor(cache: Cache, env: Environment) {
    this.#cache = cache
    this.#env = env
  }

  /**
   * The stamps under these keys, where there is none a new one; one question for all calls that come before it is
   * sent. Rejects where a server does not answer.
   */
  async read(keys: readonly string[]): Promise<StampsNow> {
    const found =
      keys.length === 1
        ? [await this.#answer(keys[0] ?? '')]
        : await settleAll(keys.map((key) => this.#answer(key)))
    const stamps: string[] = []
    for (const [i, stamp] of found.entries()) stamps.push(stamp ?? (await this.#create(keys[i] ?? '')))
    return stamps
  }

  #answer(key: string): Promise<string | undefined> {
    const asked = (this.#asked ??= this.#ask())
    let answer = asked.get(key)
    if (answer === undefined) {
      answer = this.#cache.get(key).then((item) => item?.value.toString('latin1'))
      asked.set(key, answer)
    }
    return answer
  }

  /** From when this resolves, nothing that was made under the stamps of before counts. */
  async renew(key: string): Promise<void> {
    // Should the store come late, it renews the stamp once more, which costs entries and never brings any back.
    await this.#cache.set(key, this.#newStamp())
  }

  /** A call after the end of this turn may follow a renewal, and must not get the answer to an earlier question. */
  #ask(): Map<string, Promise<string | undefined>> {
    queueMicrotask(() => (this.#asked = undefined))
    return new Map()
  }

  async #create(key: string): Promise<string> {
    for (;;) {
      const stamp = this.#newStamp()
      if ((await this.#cache.add(key, stamp)) !== undefined) return stamp.toString('latin1')
      const item = await this.#cache.get(key)
      if (item !== undefined) return item.value.toString('latin1')
    }
  }

  #newStamp(): Buffer {
    return Buffer.from(this.#env.uniqueId(), 'latin1')
  }
}

export function areSame(some: StampsNow, others: StampsNow): boolean {
  return some.length === others.length && some.every((stamp, i) => stamp === others[i])
}

/** As a fill lease carries them. */
export function encodeStamps(stamps: StampsNow): Buffer {
  return stamps.length === 0 ? NO_BYTES : Buffer.from(stamps.join(' '), 'latin1')
}

const NO_BYTES = Buffer.alloc(0)

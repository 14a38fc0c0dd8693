import type { MemcacheClient, PlainValue, WhenUnavailable } from '@larder/memcached'
import { NotFoundError, StorageError } from '@larder/storage-core'
import { hasLoneSurrogate } from '@larder/storage-core/driver'
import { wrongType } from '@larder/storage-core/base'
import { inWaves } from '../coherence/index.js'

/** What a commit could not write, under the caller's own keys. */
export type FlushFailures = ReadonlyMap<string, Error>

export interface MemcacheMapSettings {
  /** In milliseconds; undefined: for ever. */
  readonly ttlMs: number | undefined
  readonly missing: 'undefined' | 'throw'
  readonly onFlushError: (failures: FlushFailures, keyPrefix: string) => void
}

/** An object that was read or set and not committed yet; every reader of the scope gets the same one. */
interface Entry {
  readonly value: unknown
  /** Whether a commit writes it. */
  isEdited: boolean
}

/** Nothing is there, or nothing is to be there. */
const NOTHING: unique symbol = Symbol('nothing')

/**
 * A dictionary in memcached, in the spirit of ERP5's: what is set is buffered and written by `commit()`, the last
 * write of a key wins. What it holds can be lost at any moment: never keep in it what is stored nowhere else.
 *
 * Made by `MemcacheMaps`; each is a transaction of its own, for one flow of work.
 */
export class MemcacheMap<T = PlainValue> {
  readonly keyPrefix: string
  readonly #client: MemcacheClient<WhenUnavailable>
  readonly #settings: MemcacheMapSettings
  #entries = new Map<string, Entry>()

  constructor(client: MemcacheClient<WhenUnavailable>, keyPrefix: string, settings: MemcacheMapSettings) {
    this.#client = client
    this.keyPrefix = keyPrefix
    this.#settings = settings
  }

  /**
   * The value, the same instance until `commit()` or `abort()`, and a fresh copy after. A key that is not there is
   * `undefined`, or `E_NOT_FOUND` with `missing: 'throw'`. Rejects where the server does not answer.
   */
  async get(key: string, ...none: readonly never[]): Promise<T | undefined> {
    if (none.length > 0) throw new TypeError('`get` takes a key alone, neither a default nor a callback')
    const value = await this.#read(key)
    if (value !== NOTHING) return value as T
    if (this.#settings.missing === 'undefined') return undefined
    throw new NotFoundError(`There is nothing under ${JSON.stringify(key)}`, { key })
  }

  async has(key: string): Promise<boolean> {
    return (await this.#read(key)) !== NOTHING
  }

  /** Writes at `commit()`, whatever the value is then. To set undefined is a `TypeError`: see `delete`. */
  set(key: string, value: T): this {
    this.#entries.set(checkKey(key), { value: checkValue(value), isEdited: true })
    return this
  }

  /** Deletes at `commit()`. */
  delete(key: string): void {
    this.#entries.set(checkKey(key), { value: NOTHING, isEdited: true })
  }

  /**
   * Has `commit()` write an object that was read by `get()` and edited in place; the map cannot tell by itself.
   * Throws `E_NOT_FOUND` for a key that this transaction has not read.
   */
  markEdited(key: string): void {
    const entry = this.#entries.get(checkKey(key))
    if (entry === undefined || entry.value === NOTHING) {
      throw new NotFoundError(`${JSON.stringify(key)} was not read in this transaction`, { key })
    }
    entry.isEdited = true
  }

  /**
   * Writes what was set, deleted and marked, and begins anew. Never rejects: what could not be written is the
   * answer, and is told to `onFlushError`; it is not tried again.
   */
  async commit(): Promise<FlushFailures> {
    const edited = [...this.#entries].filter(([, { isEdited }]) => isEdited)
    this.#entries = new Map()
    const failures = new Map<string, Error>()
    const batch = {}
    const write = async ([key, { value }]: readonly [string, Entry]) => {
      try {
        const done =
          value === NOTHING
            ? await this.#client.delete(this.#key(key), { batch })
            : await this.#client.set(this.#key(key), value, { ttlMs: this.#settings.ttlMs, batch })
        if (done === undefined)
          throw new StorageError('E_CACHE_UNAVAILABLE', 'The server did not answer', { key })
      } catch (error) {
        failures.set(key, error instanceof Error ? error : new Error(String(error)))
      }
    }
    await inWaves(edited, write)
    if (failures.size > 0) this.#tell(failures)
    return failures
  }

  /** Forgets what was set, deleted and marked. */
  abort(): void {
    this.#entries = new Map()
  }

  /** memcached does not list its keys. */
  get size(): never {
    throw cannotIterate()
  }
  [Symbol.iterator](): never {
    throw cannotIterate()
  }
  [Symbol.asyncIterator](): never {
    throw cannotIterate()
  }
  keys(): never {
    throw cannotIterate()
  }
  values(): never {
    throw cannotIterate()
  }
  entries(): never {
    throw cannotIterate()
  }
  forEach(): never {
    throw cannotIterate()
  }

  async #read(key: string): Promise<unknown> {
    const entries = this.#entries
    const known = entries.get(checkKey(key))
    if (known !== undefined) return known.value
    // The client tells null, which is a value, from a miss.
    const found = await this.#client.get<unknown>(this.#key(key))
    const value = found === undefined ? NOTHING : found
    // Another call may have been faster, and every reader gets one instance.
    const entry = entries.get(key) ?? { value, isEdited: false }
    entries.set(key, entry)
    return entry.value
  }

  #tell(failures: FlushFailures): void {
    try {
      this.#settings.onFlushError(failures, this.keyPrefix)
    } catch (error) {
      // Whoever reports must not break the work that is reported on.
      process.emitWarning(error instanceof Error ? error : String(error))
    }
  }

  /** No two prefixes share a key: what separates them cannot occur in one. */
  #key(key: string): string {
    return `${encodeURIComponent(this.keyPrefix)}/${key}`
  }
}

function checkKey(key: unknown): string {
  if (typeof key !== 'string') throw wrongType('key', 'text', key)
  // It has no UTF-8: two of them would be one key.
  if (hasLoneSurrogate(key)) throw new RangeError('`key` contains half a surrogate pair')
  return key
}

/** What is within the value is looked at by `commit()`: until then it may change. */
function checkValue<T>(value: T): T {
  if (value === undefined || typeof value === 'function' || typeof value === 'symbol')
    throw wrongType('value', 'what the serializer can carry', value)
  return value
}

function cannotIterate(): TypeError {
  return new TypeError('A MemcacheMap cannot be iterated: memcached does not list its keys')
}

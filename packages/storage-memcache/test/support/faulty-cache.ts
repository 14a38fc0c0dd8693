import { StorageError } from '@larder/storage-core'
import {
  type Cache,
  type CacheBatch,
  type CacheEntry,
  type CacheItem,
  type CasResult,
  type CasToken,
  EmbeddedCache,
  type ItemOptions,
} from '@larder/memcached'

export type CacheOperation =
  | 'get'
  | 'getMulti'
  | 'set'
  | 'setMulti'
  | 'add'
  | 'replace'
  | 'cas'
  | 'append'
  | 'prepend'
  | 'delete'
  | 'touch'

/** Stops one call until it is opened. */
export interface CacheGate {
  readonly reached: Promise<void>
  open(): void
}

interface Fault {
  readonly operation: CacheOperation
  readonly key: (key: string) => boolean
  readonly run: (execute: () => Promise<unknown>) => Promise<unknown>
}

interface FaultOptions {
  /** Default: any. */
  readonly key?: (key: string) => boolean
  /** `before`: the server has not seen the command. `after`: it was executed, the answer is on its way. */
  readonly at?: 'before' | 'after'
  /** What a command fails with. Default: `'E_TIMEOUT'`. */
  readonly code?: 'E_TIMEOUT' | 'E_TOO_LARGE' | 'E_SERVER'
}

const unavailable = () => new StorageError('E_CACHE_UNAVAILABLE', 'The cache is down (on purpose)')

/** One client's way to a cache: calls can be stopped, lost before or after they were executed, or all refused. */
export class FaultyCache implements Cache {
  #server: CacheServer
  #faults: Fault[] = []
  isDown = false
  readonly calls: { operation: CacheOperation; key: string }[] = []

  constructor(server: CacheServer) {
    this.#server = server
  }

  get maxItemBytes(): number {
    return this.#server.cache.maxItemBytes
  }

  count(operation: CacheOperation): number {
    return this.calls.filter((call) => call.operation === operation).length
  }

  pauseNext(operation: CacheOperation, { key = () => true, at = 'before' }: FaultOptions = {}): CacheGate {
    let reach: () => void = () => undefined
    let open: () => void = () => undefined
    const reached = new Promise<void>((resolve) => (reach = resolve))
    const opened = new Promise<void>((resolve) => (open = resolve))
    const run = async (execute: () => Promise<unknown>) => {
      if (at === 'after') {
        const answer = await execute()
        reach()
        await opened
        return answer
      }
      reach()
      await opened
      return execute()
    }
    this.#faults.push({ operation, key, run })
    return { reached, open }
  }

  /** The next calls fail; with `at: 'after'` they were executed all the same. */
  failNext(
    operation: CacheOperation,
    times = 1,
    { key = () => true, at = 'before', code = 'E_TIMEOUT' }: FaultOptions = {},
  ): void {
    for (let i = 0; i < times; i++) {
      const run = async (execute: () => Promise<unknown>) => {
        if (at === 'after') await execute()
        throw new StorageError(code, 'No answer came (on purpose)')
      }
      this.#faults.push({ operation, key, run })
    }
  }

  get(key: string): Promise<CacheItem | undefined> {
    return this.#call('get', key, () => this.#server.cache.get(key))
  }

  async getMulti(keys: readonly string[]): Promise<CacheBatch> {
    const failed = (error: Error) => ({ items: new Map(), failed: new Map(keys.map((key) => [key, error])) })
    return this.#call('getMulti', keys.join(' '), () => this.#server.cache.getMulti(keys)).catch(failed)
  }

  set(key: string, value: Uint8Array, options?: ItemOptions): Promise<CasToken> {
    return this.#call('set', key, () => this.#server.cache.set(key, value, options))
  }

  async setMulti(entries: readonly CacheEntry[]): Promise<ReadonlyMap<string, Error>> {
    const keys = entries.map(({ key }) => key)
    const failed = (error: Error) => new Map(keys.map((key) => [key, error]))
    return this.#call('setMulti', keys.join(' '), () => this.#server.cache.setMulti(entries)).catch(failed)
  }

  add(key: string, value: Uint8Array, options?: ItemOptions): Promise<CasToken | undefined> {
    return this.#call('add', key, () => this.#server.cache.add(key, value, options))
  }

  replace(key: string, value: Uint8Array, options?: ItemOptions): Promise<CasToken | undefined> {
    return this.#call('replace', key, () => this.#server.cache.replace(key, value, options))
  }

  cas(key: string, value: Uint8Array, token: CasToken, options?: ItemOptions): Promise<CasResult> {
    return this.#call('cas', key, () => this.#server.cache.cas(key, value, token, options))
  }

  append(key: string, value: Uint8Array): Promise<boolean> {
    return this.#call('append', key, () => this.#server.cache.append(key, value))
  }

  prepend(key: string, value: Uint8Array): Promise<boolean> {
    return this.#call('prepend', key, () => this.#server.cache.prepend(key, value))
  }

  delete(key: string, options?: { readonly cas?: CasToken }): Promise<'deleted' | 'exists' | 'not-found'> {
    return this.#call('delete', key, () => this.#server.cache.delete(key, options))
  }

  touch(key: string, ttlMs: number | undefined): Promise<boolean> {
    return this.#call('touch', key, () => this.#server.cache.touch(key, ttlMs))
  }

  async close(): Promise<void> {
    this.isDown = true
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #call<T>(operation: CacheOperation, key: string, execute: () => Promise<T>): Promise<T> {
    this.calls.push({ operation, key })
    if (this.isDown) throw unavailable()
    const index = this.#faults.findIndex((fault) => fault.operation === operation && fault.key(key))
    const [fault] = index === -1 ? [] : this.#faults.splice(index, 1)
    return fault === undefined ? execute() : (fault.run(execute) as Promise<T>)
  }
}

/** The server that several clients share. */
export class CacheServer {
  cache: EmbeddedCache
  readonly #options: ConstructorParameters<typeof EmbeddedCache>[0]

  constructor(options: ConstructorParameters<typeof EmbeddedCache>[0] = {}) {
    // With a clock of its own it answers in one turn what was asked in one.
    this.#options = { now: () => performance.now(), ...options }
    this.cache = new EmbeddedCache(this.#options)
  }

  client(): FaultyCache {
    return new FaultyCache(this)
  }

  /** Pressure on memory takes an item away. */
  async evict(key: string): Promise<void> {
    await this.cache.delete(key)
  }

  /** Empty again, and every CAS seen before is void. */
  restart(): void {
    this.cache = new EmbeddedCache(this.#options)
  }
}

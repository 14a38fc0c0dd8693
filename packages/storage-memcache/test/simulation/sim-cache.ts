import { CacheUnavailableError, StorageError } from '@larder/storage-core'
import type {
  Cache,
  CacheBatch,
  CacheEntry,
  CacheItem,
  CasResult,
  CasToken,
  ItemOptions,
  ItemState,
} from '@larder/memcached'
import { currentRole } from './coverage.js'
import { type ItemStore, type StoredItem, type StoreRequest } from './item-store.js'
import type { SimProcess } from './scheduler.js'
import type { Scene, SimServer } from './sim-server.js'
import { deletionStep, storeStep } from './steps.js'

const TIMEOUT_MS = 500

/** A state of an item, as told by one process of a server. */
class SimToken implements CasToken {
  readonly id: bigint
  readonly store: ItemStore
  /** What stood there: a value that takes a lease's place is a fill, one that takes a mark's an installation. */
  readonly flags: number

  constructor(cas: number, store: ItemStore, flags: number) {
    this.id = BigInt(cas)
    this.store = store
    this.flags = flags
  }

  equals(other: CasToken): boolean {
    return other instanceof SimToken && other.store === this.store && other.id === this.id
  }
}

export interface SimCacheOptions {
  readonly maxItemBytes: number
  /** How likely a command gets no answer. */
  readonly losses: number
}

/**
 * A client in one process: a command is executed at a step of its own, and its answer arrives at another, or never;
 * a command without an answer may have been executed, or be executed later. A key stays on its server.
 */
export class SimCache implements Cache {
  readonly maxItemBytes: number
  readonly #servers: readonly SimServer[]
  readonly #scene: Scene
  readonly #process: SimProcess
  readonly #losses: number
  /** Until when a server is left alone that gave no answer. */
  readonly #deadUntil = new Map<SimServer, number>()
  lastStep: string | undefined

  constructor(
    servers: readonly SimServer[],
    scene: Scene,
    process: SimProcess,
    { maxItemBytes, losses }: SimCacheOptions,
  ) {
    this.#servers = servers
    this.#scene = scene
    this.#process = process
    this.maxItemBytes = maxItemBytes
    this.#losses = losses
  }

  get(key: string): Promise<CacheItem | undefined> {
    return this.#call('look', [key], (store) => this.#item(store, store.get(key)))
  }

  stateOf(key: string): Promise<ItemState | undefined> {
    return this.#call('look', [key], (store) => {
      const item = this.#item(store, store.get(key))
      return item && { flags: item.flags, cas: item.cas }
    })
  }

  async getMulti(keys: readonly string[]): Promise<CacheBatch> {
    const items = new Map<string, CacheItem>()
    const failed = new Map<string, Error>()
    const groups = this.#grouped(keys, (key) => key)
    await Promise.all(
      groups.map((group) =>
        this.#call('look', group, (store) => {
          for (const key of group) {
            const item = this.#item(store, store.get(key))
            if (item !== undefined) items.set(key, item)
          }
        }).catch((error: unknown) => group.forEach((key) => failed.set(key, error as Error))),
      ),
    )
    return { items, failed }
  }

  set(key: string, value: Uint8Array, options?: ItemOptions): Promise<CasToken> {
    const request = requestOf(value, options)
    return this.#call(storeStep(request), [key], (store) =>
      this.#stored(store, store.set(key, request), request),
    )
  }

  async setMulti(entries: readonly CacheEntry[]): Promise<ReadonlyMap<string, Error>> {
    const failed = new Map<string, Error>()
    const groups = this.#grouped(entries, ({ key }) => key)
    await Promise.all(
      groups.map((group) => {
        const keys = group.map(({ key }) => key)
        const step = storeStep(requestOf(group[0]?.value ?? Buffer.alloc(0), group[0]))
        return this.#call(step, keys, (store) => {
          for (const entry of group) store.set(entry.key, requestOf(entry.value, entry))
        }).catch((error: unknown) => keys.forEach((key) => failed.set(key, error as Error)))
      }),
    )
    return failed
  }

  add(key: string, value: Uint8Array, options?: ItemOptions): Promise<CasToken | undefined> {
    const request = requestOf(value, options)
    return this.#call(storeStep(request), [key], (store) =>
      store.get(key) === undefined ? this.#stored(store, store.set(key, request), request) : undefined,
    )
  }

  replace(key: string, value: Uint8Array, options?: ItemOptions): Promise<CasToken | undefined> {
    const request = requestOf(value, options)
    return this.#call('replace', [key], (store) =>
      store.get(key) === undefined ? undefined : this.#stored(store, store.set(key, request), request),
    )
  }

  cas(key: string, value: Uint8Array, token: CasToken, options?: ItemOptions): Promise<CasResult> {
    const request = requestOf(value, options)
    const before = token instanceof SimToken ? token.flags : undefined
    return this.#call(storeStep(request, before), [key], (store) => {
      // A server that restarted has dropped the connection that the token came by.
      if (!(token instanceof SimToken) || token.store !== store) return { status: 'exists' }
      const result = store.cas(key, request, Number(token.id))
      if (typeof result === 'string') return { status: result }
      return { status: 'stored', cas: this.#stored(store, result, request) }
    })
  }

  append(key: string, value: Uint8Array): Promise<boolean> {
    return this.#call('append', [key], (store) => joined(store.join(key, value, 'end'), key))
  }

  prepend(key: string, value: Uint8Array): Promise<boolean> {
    return this.#call('prepend', [key], (store) => joined(store.join(key, value, 'front'), key))
  }

  delete(key: string, options?: { readonly cas?: CasToken }): Promise<'deleted' | 'exists' | 'not-found'> {
    const token = options?.cas
    const before = token instanceof SimToken ? token.flags : undefined
    return this.#call(deletionStep(before), [key], (store) => {
      if (token === undefined) return store.delete(key, undefined)
      if (!(token instanceof SimToken) || token.store !== store) return 'exists'
      return store.delete(key, Number(token.id))
    })
  }

  touch(key: string, ttlMs: number | undefined): Promise<boolean> {
    return this.#call('touch', [key], (store) => store.touch(key, exptimeOf(ttlMs)))
  }

  async close(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}

  #serverOf(key: string): SimServer {
    let hash = 0
    for (let i = 0; i < key.length; i++) hash = (Math.imul(hash, 31) + key.charCodeAt(i)) >>> 0
    const server = this.#servers[hash % this.#servers.length]
    if (server === undefined) throw new Error('A world needs a server')
    return server
  }

  #grouped<T>(members: readonly T[], keyOf: (member: T) => string): T[][] {
    const groups = new Map<SimServer, T[]>()
    for (const member of members) {
      const server = this.#serverOf(keyOf(member))
      groups.set(server, [...(groups.get(server) ?? []), member])
    }
    return [...groups.values()]
  }

  #item(store: ItemStore, item: StoredItem | undefined): CacheItem | undefined {
    if (item === undefined) return undefined
    const { value, flags, cas } = item
    return { value: Buffer.from(value), flags, cas: new SimToken(cas, store, flags) }
  }

  #stored(store: ItemStore, cas: number, { flags }: StoreRequest): CasToken {
    return new SimToken(cas, store, flags)
  }

  async #call<T>(command: string, keys: readonly string[], execute: (store: ItemStore) => T): Promise<T> {
    const [first = ''] = keys
    const server = this.#serverOf(first)
    const who = this.#process.name
    const step = `${currentRole()}: ${command}`
    this.lastStep = step
    const { scheduler } = this.#scene
    if (scheduler.nowMs < (this.#deadUntil.get(server) ?? 0))
      throw this.#unanswered(step, server, 'is left alone')
    const reaches = server.reaches(this.#process)
    if (!reaches || scheduler.chance(this.#losses)) {
      // Executed at some time, perhaps long after the caller gave up.
      if (!server.isDown && scheduler.chance(0.7)) {
        const run = () => server.isDown || server.execute({ who, step, keys, execute, isLate: true })
        void scheduler
          .step('')
          .then(run)
          .catch(() => undefined)
      }
      await scheduler.sleep(TIMEOUT_MS, this.#process)
      if (!reaches) this.#deadUntil.set(server, scheduler.nowMs + 2 * TIMEOUT_MS)
      throw this.#unanswered(step, server, 'gives no answer')
    }
    await scheduler.step('', this.#process)
    if (!server.reaches(this.#process)) throw this.#unanswered(step, server, 'went away')
    const answer = server.execute({ who, step, keys, execute })
    this.lastStep = `${step}, answered`
    await scheduler.step(`${who}: ${step} ${keys.join(' ')}: answered`, this.#process)
    return answer
  }

  #unanswered(step: string, server: SimServer, why: string): StorageError {
    this.#scene.unanswered++
    this.#scene.visit(step, 'no answer')
    this.#scene.scheduler.note(`${this.#process.name}: ${step}: ${server.name} ${why}`)
    return why === 'gives no answer'
      ? new StorageError('E_TIMEOUT', 'No answer')
      : new CacheUnavailableError(`${server.name} ${why}`)
  }
}

function requestOf(value: Uint8Array, options: ItemOptions | undefined): StoreRequest {
  // A copy: what is stored late is what it was when it was sent.
  return { value: Buffer.from(value), flags: options?.flags ?? 0, exptime: exptimeOf(options?.ttlMs) }
}

/** As the library's clients send it. */
function exptimeOf(ttlMs: number | undefined): number {
  return ttlMs === undefined ? 0 : Math.ceil(ttlMs / 1000) + 1
}

function joined(result: 'stored' | 'too-large' | undefined, key: string): boolean {
  if (result === 'too-large') throw new StorageError('E_TOO_LARGE', 'The item would be too large', { key })
  return result !== undefined
}

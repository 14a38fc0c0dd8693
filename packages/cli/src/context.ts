import type { Storage } from '@larder/storage-core'
import type { RemoteCache } from '@larder/memcached'
import type { MemcacheStorage, ProtocolOptions } from '@larder/storage-memcache'
import type { SqlStorage } from '@larder/storage-sql'
import { existsSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { UsageError } from './exit-code.js'
import { countText, type Output } from './output.js'
import type { Settings } from './settings.js'

const SQLITE = 'sqlite:'
/** Who types a command would rather wait for a busy server than go past it. */
const PATIENT = Object.freeze({ timeoutMs: 10_000, connectTimeoutMs: 10_000 })

/** What a command works with. What it opens is closed at its end, and what it does not need is not even loaded. */
export class Context {
  readonly settings: Settings
  readonly output: Output
  readonly input: Readable
  /** Stops the work. */
  readonly signal: AbortSignal
  readonly #opened: AsyncDisposable[] = []

  constructor(settings: Settings, output: Output, input: Readable, signal: AbortSignal) {
    this.settings = settings
    this.output = output
    this.input = input
    this.signal = signal
  }

  /** The database alone. Only with `migrate` are tables made, and the file of SQLite. */
  async database({ migrate = false, orderByModified = false } = {}): Promise<SqlStorage> {
    const { database: url, tablePrefix } = this.settings
    if (url === undefined)
      throw new UsageError('No database is given: --database, DATABASE_URL, or "database" in larder.json')
    const file = url.startsWith(SQLITE) ? url.slice(SQLITE.length).trim() : undefined
    if (file === '') throw new UsageError('The URL sqlite: names no file: sqlite:PATH')
    if (!migrate && file !== undefined && !existsSync(file))
      throw new UsageError(`There is no file ${file}; larder migrate makes it`)
    const { SqlStorage } = await import('@larder/storage-sql')
    return this.#keep(await SqlStorage.open({ url, tablePrefix, migrate, orderByModified, listen: false }))
  }

  /** For commands that read: through the cache where servers are given. */
  async reading({ orderByModified = false } = {}): Promise<Storage> {
    return this.settings.servers === undefined
      ? this.database({ orderByModified })
      : this.cached({}, { orderByModified })
  }

  /** For commands that write: past the cache only where that was asked for. */
  async writing(): Promise<Storage> {
    if (this.settings.isCacheRefused) return this.database()
    this.servers()
    return this.cached()
  }

  /** Through the cache. */
  async cached(options: ProtocolOptions = {}, { orderByModified = false } = {}): Promise<MemcacheStorage> {
    const servers = this.servers()
    const { keyPrefix, credentials } = this.settings
    const storage = await this.database({ orderByModified })
    const { MemcacheStorage } = await import('@larder/storage-memcache')
    const cached = new MemcacheStorage({
      servers,
      storage,
      keyPrefix,
      client: { ...PATIENT, credentials },
      ...options,
    })
    this.#opened.unshift({ [Symbol.asyncDispose]: () => this.#tellUnconfirmed(cached) })
    return this.#keep(cached)
  }

  /** A client of the servers. */
  async cache(): Promise<RemoteCache> {
    const { RemoteCache } = await import('@larder/memcached')
    const cache = new RemoteCache(this.servers(), { ...PATIENT, credentials: this.settings.credentials })
    this.#opened.unshift({ [Symbol.asyncDispose]: () => cache.close() })
    return cache
  }

  servers(): string {
    const { servers, isCacheRefused } = this.settings
    if (servers !== undefined) return servers
    if (isCacheRefused)
      throw new UsageError('This command is about the cache: it makes no sense with --no-cache')
    throw new UsageError(
      'No memcached servers are given: --servers, MEMCACHE_SERVERS, or "servers" in larder.json. ' +
        'With --no-cache the database is written alone, and servers that hold the old value tell it until it expires',
    )
  }

  async close(): Promise<void> {
    for (const each of this.#opened) await each[Symbol.asyncDispose]()
  }

  async #tellUnconfirmed(storage: MemcacheStorage): Promise<void> {
    const { unconfirmedWrites } = storage.counters()
    if (unconfirmedWrites === 0) return
    this.output.warn(
      `${countText(unconfirmedWrites, 'write')} stored, but the cache did not answer: it may tell the old value until ` +
        'a program that uses it, or larder relay, has set it right',
    )
  }

  /** From the outside in: the cache's side may have something left to tell the database. */
  #keep<T extends AsyncDisposable>(opened: T): T {
    this.#opened.unshift(opened)
    return opened
  }
}

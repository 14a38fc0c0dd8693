import {
  type PartName,
  type ResourceInfo,
  type Storage,
  type StoredPart,
  type WriteResult,
} from '@larder/storage-core'
import { DrivenStorage, type StorageDriver, type WriteRequest } from '@larder/storage-core/driver'
import type { Cache } from '@larder/memcached'

/** What nearly every cache does: fill on a miss, and after a commit either store the new value or delete the old. */
export type NaiveWay = 'set after commit' | 'delete after commit'

export function naiveStorage(storage: Storage, cache: Cache, way: NaiveWay): Storage {
  return new DrivenStorage(new NaiveDriver(storage, cache, way))
}

class NaiveDriver implements StorageDriver {
  readonly #storage: Storage
  readonly #cache: Cache
  readonly #way: NaiveWay

  constructor(storage: Storage, cache: Cache, way: NaiveWay) {
    this.#storage = storage
    this.#cache = cache
    this.#way = way
  }

  get supports() {
    return this.#storage.supports
  }

  keyOf(collection: string, resource: string | undefined): string {
    return this.#storage.info(collection, resource).key
  }

  innerOf(collection: string, resource: string | undefined): ResourceInfo {
    return this.#storage.info(collection, resource)
  }

  async read(infos: readonly ResourceInfo[], part: PartName): Promise<(StoredPart | undefined)[]> {
    return Promise.all(infos.map((info) => this.#readOne(info, part)))
  }

  async write({ info, changes }: WriteRequest): Promise<WriteResult> {
    const content = changes.content
    const inner = info.inner ?? info
    if (content === 'remove' || content === undefined) {
      const removed = await this.#storage.remove(inner)
      await this.#cache.delete(`${info.key}:content`)
      return removed
    }
    if (!('bytes' in content)) throw new TypeError('This storage takes bytes')
    const result = await this.#storage.putContent(inner, content.bytes)
    if (this.#way === 'delete after commit') await this.#cache.delete(`${info.key}:content`)
    else await this.#cache.set(`${info.key}:content`, encode(Buffer.from(content.bytes), result))
    await this.#cache.delete(`${this.keyOf(info.collection, undefined)}:list`)
    return result
  }

  async *listAll({ collection }: { collection: string }): AsyncGenerator<readonly string[], void, undefined> {
    const key = `${this.keyOf(collection, undefined)}:list`
    const cached = await this.#cache.get(key)
    if (cached !== undefined) return yield JSON.parse(cached.value.toString()) as string[]
    const { entries } = await this.#storage.page(collection, { limit: 10_000 })
    const names = entries.map(({ name }) => name)
    await this.#cache.set(key, Buffer.from(JSON.stringify(names)))
    yield names
  }

  async createContainer(collection: string): Promise<void> {
    await this.#storage.createContainer(collection)
  }

  containerExists(collection: string): Promise<boolean> {
    return this.#storage.exists(this.innerOf(collection, undefined))
  }

  async exists(info: ResourceInfo): Promise<boolean> {
    return (await this.#readOne(info, 'content')) !== undefined
  }

  async openContent(): Promise<undefined> {
    return undefined
  }

  async list(): Promise<{ rows: []; next: undefined }> {
    return { rows: [], next: undefined }
  }

  async close(): Promise<void> {}

  async #readOne(info: ResourceInfo, part: PartName): Promise<StoredPart | undefined> {
    const key = `${info.key}:${part}`
    const item = await this.#cache.get(key)
    if (item !== undefined) return decode(item.value)
    const [found] = await this.#storage.getMany([info.inner ?? info], { part })
    if (found !== undefined) await this.#cache.set(key, encode(found.bytes, found))
    return found
  }
}

function encode(bytes: Buffer, { version }: { version: number }): Buffer {
  return Buffer.from(JSON.stringify({ version, text: bytes.toString() }))
}

function decode(value: Buffer): StoredPart {
  const { version, text } = JSON.parse(value.toString()) as { version: number; text: string }
  return {
    version,
    etag: `"${version}"`,
    size: text.length,
    modifiedAt: new Date(0),
    bytes: Buffer.from(text),
  }
}

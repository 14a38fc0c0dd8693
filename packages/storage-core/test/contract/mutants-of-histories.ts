import {
  isStorageError,
  type ByteSource,
  type CallOptions,
  type ListOptions,
  type ResourceInfo,
  type StoredPart,
  type WriteOptions,
} from '@larder/storage-core'
import { ForwardingStorage } from '@larder/storage-core/testing'
import { Defective, mutant, sharedMutant, type Mutant } from './mutant.js'

const aMoment = () => new Promise<void>((resolve) => setImmediate(resolve))

/** What most programs do: fill after a miss, delete after a write. */
class CachesNaively extends Defective {
  readonly #cache = new Map<string, StoredPart>()

  override async getContent(info: ResourceInfo, options?: CallOptions) {
    await aMoment()
    const cached = this.#cache.get(info.key)
    if (cached !== undefined) return cached
    const part = await super.getContent(info, options)
    // Long enough for a write and its deletion to come between, however the other workers are timed.
    for (let i = 0; i < 6; i++) await aMoment()
    this.#cache.set(info.key, part)
    return part
  }

  override async putContent(info: ResourceInfo, content: ByteSource, options?: WriteOptions) {
    const result = await super.putContent(info, content, options)
    await aMoment()
    this.#cache.delete(info.key)
    return result
  }

  override async removeContent(info: ResourceInfo, options?: WriteOptions) {
    const result = await super.removeContent(info, options)
    await aMoment()
    this.#cache.delete(info.key)
    return result
  }
}

class AnswersBeforeItWrites extends Defective {
  override async putContent(info: ResourceInfo, content: ByteSource, options: WriteOptions = {}) {
    if (options.ifNoneMatch !== undefined) return super.putContent(info, content, options)
    const last = this.#last
    this.#last = (async () => {
      await last
      await aMoment()
      await aMoment()
      await super.putContent(info, content, options)
    })().catch((error: unknown) => void isStorageError(error, 'E_CLOSED'))
    const version = ++this.#version
    return {
      changed: true,
      version,
      etag: `"${version}"`,
      modifiedAt: new Date(),
      created: false,
      emptied: false,
    }
  }

  #last: Promise<void> = Promise.resolve()
  #version = Date.now() * 1_000
}

class ListsLate extends ForwardingStorage {
  readonly #listed = new Map<string, Map<string, ResourceInfo>>()
  #calls = 0

  override async ls(collection: string, ext?: string | ListOptions) {
    const known = this.#listed.get(collection)
    if (known !== undefined && ++this.#calls % 3 !== 0) return known
    const listed = await super.ls(collection, ext)
    this.#listed.set(collection, listed)
    return listed
  }
}

class ReadsAnOldReplica extends ForwardingStorage {
  readonly #replica = new Map<string, Promise<StoredPart>>()

  override async getContent(info: ResourceInfo, options?: CallOptions) {
    const old = this.#replica.get(info.key)
    const fresh = super.getContent(info, options)
    fresh.catch((error: unknown) => isStorageError(error))
    this.#replica.set(info.key, fresh)
    return old ?? fresh
  }
}

export const MUTANTS_OF_HISTORIES: readonly Mutant[] = [
  mutant('histories', 'caches as most programs do', () => new CachesNaively()),
  mutant('histories', 'answers before it writes', () => new AnswersBeforeItWrites()),
  sharedMutant('histories', 'lists late', (inner) => new ListsLate(inner)),
  sharedMutant('histories', 'reads from an old replica', (inner) => new ReadsAnOldReplica(inner)),
]

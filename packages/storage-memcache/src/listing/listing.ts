import type { Cache, Environment } from '@larder/memcached'
import { isStorageError, type ListPage, type Storage } from '@larder/storage-core'
import { Backoff, compareNames, isServerFailure, untilAborted } from '@larder/storage-core/driver'
import { ChunkMemory } from './chunk-memory.js'
import type { StorageCounters } from '../counters.js'
import { SetBuilder } from './set-builder.js'
import { SetReader } from './set-reader.js'
import type { Settings } from '../settings.js'

/** How many members a query of the storage behind brings. */
const BATCH = 10_000
/** The share of a lease that a loop over a listing may pause in all while it is built. */
const DAWDLING_SHARE = 1 / 3

const PAUSES = Object.freeze({ firstMs: 2, longestMs: 32 })

export interface ListingParts {
  readonly storage: Storage
  readonly cache: Cache
  readonly settings: Settings
  readonly env: Environment
  readonly counters: StorageCounters
}

export interface ListingQuery {
  readonly headKey: string
  readonly collection: string
  readonly ext: string | undefined
  readonly signal: AbortSignal | undefined
}

type Names = AsyncGenerator<readonly string[], void, undefined>

/** How far a listing has got, for what goes on in the place of a set that was lost on the way. */
interface Progress {
  last: string | undefined
}

/** Lists a collection from its cached set, or from the storage behind while there is none. */
export class Listing {
  readonly #it: ListingParts
  readonly #memory: ChunkMemory

  constructor(parts: ListingParts) {
    this.#it = parts
    this.#memory = new ChunkMemory(parts.settings.listMemoryBytes)
  }

  /** All names in order, in batches, of which no more than a few are held. */
  async *names(query: ListingQuery): Names {
    const { ext } = query
    for await (const batch of this.#all(query)) {
      const names = ext === undefined ? batch : batch.filter((name) => name.endsWith(ext))
      if (names.length > 0) yield names
    }
  }

  async *#all(query: ListingQuery): Names {
    const progress: Progress = { last: undefined }
    let found = await this.#find(query)
    if (found instanceof SetReader) {
      this.#it.counters.listHits++
      if (yield* this.#fromSet(found, query, progress)) return
      found = await this.#tolerant(this.#begin(query))
    }
    yield* found === undefined ? this.#behind(query, progress) : this.#building(found, query, progress)
  }

  /** A set, or the building of one. Undefined: somebody else is building, or the cache does not answer. */
  async #find(query: ListingQuery): Promise<SetReader | SetBuilder | undefined> {
    const finding = this.#tolerant(this.#lookFor(query))
    try {
      return await untilAborted(finding, query.signal)
    } catch (error) {
      void finding.then((found) => (found instanceof SetBuilder ? found.abandon() : undefined))
      throw error
    }
  }

  async #lookFor(query: ListingQuery): Promise<SetReader | SetBuilder | undefined> {
    const { cache, env, settings } = this.#it
    const { headKey } = query
    const giveUpAt = env.now() + settings.leaseTtlMs
    let progress: string | undefined
    let since = env.now()
    const backoff = new Backoff({ ...PAUSES, random: () => env.random() })
    for (;;) {
      const found = await SetReader.open({ cache, memory: this.#memory, headKey })
      if (found instanceof SetReader) return found
      const builder = found === undefined ? await this.#begin(query) : undefined
      if (builder !== undefined) return builder
      // A build that gets on is worth waiting for: reading all again would take as long.
      if (found !== progress) since = env.now()
      progress = found
      if (env.now() >= Math.min(since + settings.fillWaitMs, giveUpAt)) return undefined
      await env.sleep(backoff.next())
    }
  }

  #begin({ headKey }: ListingQuery): Promise<SetBuilder | undefined> {
    const { cache, env, settings } = this.#it
    return SetBuilder.begin({ cache, env, settings, headKey })
  }

  /** Returns whether that was all. */
  async *#fromSet(
    set: SetReader,
    { signal }: ListingQuery,
    progress: Progress,
  ): AsyncGenerator<readonly string[], boolean, undefined> {
    const names = set.names(signal)
    try {
      for (;;) {
        const step = await this.#tolerant(names.next())
        if (step === undefined) return false
        if (step.done === true) return step.value
        progress.last = step.value.at(-1)
        yield step.value
      }
    } finally {
      await names.return(false)
    }
  }

  /** What the storage behind tells, which becomes a set on the way, unless the caller dawdles: others wait for it. */
  async *#building(builder: SetBuilder, query: ListingQuery, progress: Progress): Names {
    const { env, settings } = this.#it
    let leftMs = settings.leaseTtlMs * DAWDLING_SHARE
    try {
      for await (const { entries, next } of this.#pages(query, undefined)) {
        // Before they are given away: a loop over the last names must not hold up those who wait for the set.
        if (next === undefined) await builder.publish(entries)
        else await builder.add(entries)
        const givenAt = env.now()
        yield namesBehind(progress, entries)
        leftMs -= env.now() - givenAt
        if (leftMs < 0) await builder.abandon()
      }
    } finally {
      await builder.abandon()
    }
  }

  async *#behind(query: ListingQuery, progress: Progress): Names {
    for await (const { entries } of this.#pages(query, query.ext)) yield namesBehind(progress, entries)
  }

  async *#pages(
    { collection, signal }: ListingQuery,
    ext: string | undefined,
  ): AsyncGenerator<ListPage, void, undefined> {
    this.#it.counters.durableListings++
    let after: string | undefined
    do {
      const page = await this.#it.storage.page(collection, { ext, limit: BATCH, after, signal })
      yield page
      after = page.next
    } while (after !== undefined)
  }

  /** Undefined where the cache does not answer. */
  async #tolerant<T>(work: Promise<T>): Promise<T | undefined> {
    try {
      return await work
    } catch (error) {
      if (!isCacheFailure(error)) throw error
      this.#it.counters.cacheErrors++
      return undefined
    }
  }
}

/** All other errors are bugs. */
function isCacheFailure(error: unknown): boolean {
  return isStorageError(error) && (isServerFailure(error.code) || error.code === 'E_CLOSED')
}

function namesBehind({ last }: Progress, entries: ListPage['entries']): readonly string[] {
  const names = entries.map(({ name }) => name)
  return last === undefined ? names : names.filter((name) => compareNames(name, last) > 0)
}

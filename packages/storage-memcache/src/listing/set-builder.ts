import type { Cache, CasToken, Environment } from '@larder/memcached'
import { EMPTY, flagsOf } from '../coherence/index.js'
import { chunkKey, encodeHead, type Head, logKey } from './listing-head.js'
import { encodeChunks } from './member-chunk.js'
import type { NamedVersion } from './member-log.js'
import type { Settings } from '../settings.js'

/** A set has one more log for so many names, up to a number that readers fetch at once. */
const NAMES_A_LOG = 10_000
const MAX_LOGS = 64
/** Logs and chunks outlive their head, lest a head lead to nothing. */
const EXTRA_MS = 60_000

/** Where a set is built. */
export interface BuildSite {
  readonly cache: Cache
  readonly env: Environment
  readonly settings: Pick<Settings, 'ttlMs' | 'leaseTtlMs'>
  readonly headKey: string
}

/**
 * Builds one generation of a cached listing while somebody reads the storage behind. Writers log from `begin` on, so
 * that it does not matter when each name is read. A cache that fails costs the set, never the listing.
 */
export class SetBuilder {
  readonly #site: BuildSite
  #token: CasToken
  #head: Head
  #isOver = false

  private constructor(site: BuildSite, head: Head, token: CasToken) {
    this.#site = site
    this.#head = head
    this.#token = token
  }

  /** Undefined: somebody else is at it. Rejects where a server does not answer. */
  static async begin(site: BuildSite): Promise<SetBuilder | undefined> {
    const { cache, env, settings, headKey } = site
    const building: Head = {
      ...{ generation: env.uniqueId(), state: 'building' },
      ...{ logs: 1, chunks: 0, members: 0 },
    }
    const options = { flags: flagsOf('head'), ttlMs: settings.leaseTtlMs }
    const lease = await cache.add(headKey, encodeHead({ ...building, state: 'leased' }), options)
    if (lease === undefined) return undefined
    try {
      // Before writers are told of it.
      await openLogs(site, building, 0)
      const opened = await cache.cas(headKey, encodeHead(building), lease, options)
      return opened.status === 'stored' ? new SetBuilder(site, building, opened.cas) : undefined
    } catch (error) {
      await cache.delete(headKey, { cas: lease }).catch(() => undefined)
      throw error
    }
  }

  /** Takes the next members, in order of their names, as they were read after `begin`. */
  async add(members: readonly NamedVersion[]): Promise<void> {
    await this.#unlessOver(async () => {
      await this.#store(members)
      // Keeps the lease, and tells those who wait that it is worth it.
      await this.#tell(this.#head, this.#site.settings.leaseTtlMs)
    })
  }

  /** Takes the last members, and opens the set to readers, unless it has gone meanwhile. */
  async publish(members: readonly NamedVersion[]): Promise<void> {
    await this.#unlessOver(async () => {
      await this.#store(members)
      // Entries may stand in any log: those who log meanwhile use the first.
      const logs = Math.min(MAX_LOGS, 1 + Math.floor(this.#head.members / NAMES_A_LOG))
      const ready: Head = { ...this.#head, state: 'ready', logs }
      await openLogs(this.#site, ready, 1)
      await this.#tell(ready, this.#site.settings.ttlMs)
      this.#isOver = true
    })
  }

  /** Lets others build. Does nothing to a set that was published. */
  async abandon(): Promise<void> {
    if (this.#isOver) return
    this.#isOver = true
    await this.#site.cache.delete(this.#site.headKey, { cas: this.#token }).catch(() => undefined)
  }

  async #unlessOver(step: () => Promise<void>): Promise<void> {
    if (this.#isOver) return
    try {
      await step()
    } catch {
      await this.abandon()
    }
  }

  async #store(members: readonly NamedVersion[]): Promise<void> {
    const { cache, headKey } = this.#site
    const { chunks } = this.#head
    const values = encodeChunks(members, cache.maxItemBytes)
    const keyOf = (i: number) => chunkKey(headKey, this.#head, chunks + i)
    await storeAll(
      this.#site,
      values.map((value, i) => ({ key: keyOf(i), value, kind: 'names' })),
    )
    const sum = this.#head.members + members.length
    this.#head = { ...this.#head, chunks: chunks + values.length, members: sum }
  }

  async #tell(head: Head, ttlMs: number): Promise<void> {
    const { cache, headKey } = this.#site
    const stored = await cache.cas(headKey, encodeHead(head), this.#token, { flags: flagsOf('head'), ttlMs })
    // Somebody took it away: what is stored for it from here on is of no use.
    if (stored.status === 'stored') this.#token = stored.cas
    else this.#isOver = true
  }
}

async function openLogs(site: BuildSite, head: Head, from: number): Promise<void> {
  const keys = Array.from({ length: head.logs - from }, (_, i) => logKey(site.headKey, head, from + i))
  await storeAll(
    site,
    keys.map((key) => ({ key, value: EMPTY, kind: 'bucket' })),
  )
}

async function storeAll(
  { cache, settings }: BuildSite,
  items: readonly { key: string; value: Uint8Array; kind: 'bucket' | 'names' }[],
): Promise<void> {
  if (items.length === 0) return
  const ttlMs = settings.ttlMs + EXTRA_MS
  const failed = await cache.setMulti(
    items.map(({ key, value, kind }) => ({ key, value, flags: flagsOf(kind), ttlMs })),
  )
  for (const error of failed.values()) throw error
}

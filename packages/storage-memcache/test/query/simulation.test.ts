import { QueryCache, type QueryCounters } from '@larder/storage-memcache'
import { describe, expect, test } from 'vitest'
import { Scheduler, SimProcess } from '../simulation/scheduler.js'
import { SimCache } from '../simulation/sim-cache.js'
import { Scene, SimServer } from '../simulation/sim-server.js'
import { BROKEN, type BrokenVariant, type Invalidate } from './broken-queries.js'

interface World {
  readonly losses: number
  readonly evictions: number
  readonly restarts: number
  readonly graceMs?: number
  readonly softTimeoutMs?: number
  /** Default: 1. */
  readonly servers?: number
  /** How likely a server is out of reach for some seconds, for all or for one process, before a step of a client. */
  readonly outages?: number
  /** How likely a loader takes longer than others wait. */
  readonly slowLoaders?: number
  /** How likely a loader fails. */
  readonly failures?: number
  /** Whether results are large enough for near copies. */
  readonly nearCopies?: boolean
  /** What the world is about: these counters, added up over all runs and processes, are above 0. */
  readonly shows?: readonly (keyof QueryCounters)[]
}

interface Outcome {
  readonly reads: number
  readonly stale: readonly string[]
  readonly counters: readonly QueryCounters[]
}

const RUNS = Number(process.env['LARDER_SIMULATIONS'] ?? 100)
const FIRST_SEED = Number(process.env['LARDER_SEED'] ?? 1)
/** How likely time goes on although something else could happen. */
const TIME_RATE = 0.05
const MAX_ITEM_BYTES = 100_000
const FILL_WAIT_MS = 50
const OUTAGE_MS = 3_000
/** What makes a result large enough for a near copy. */
const PADDING = '.'.repeat(2_100)
const KEYS = ['film:1', 'film:2', 'top']
const TAGS = ['film', 'rental']

/** One run: readers and writers in three processes, each step picked by a die. Returns what went against the promise. */
async function run(
  seed: number,
  world: World,
  invalidate: Invalidate,
  broken: BrokenVariant = {},
): Promise<Outcome> {
  const scheduler = new Scheduler(seed, TIME_RATE, true)
  const scene = new Scene(scheduler)
  const servers = Array.from(
    { length: world.servers ?? 1 },
    (_, i) => new SimServer(`s${i}`, scene, MAX_ITEM_BYTES),
  )
  const counters: QueryCounters[] = []
  const committed = new Map(KEYS.map((key) => [key, 0]))
  const acknowledged = new Map(KEYS.map((key) => [key, 0]))
  const stale: string[] = []
  let reads = 0

  const actors = [0, 1, 2].map(async (i) => {
    const process = new SimProcess(`p${i}`)
    const cache = new SimCache(servers, scene, process, {
      maxItemBytes: MAX_ITEM_BYTES,
      losses: world.losses,
    })
    const environment = scheduler.environment(process)
    const queries = new QueryCache({
      cache: broken.cache?.(cache, environment) ?? cache,
      environment: broken.environment?.(environment) ?? environment,
      ttlMs: 100,
      graceMs: world.graceMs ?? 0,
      softTimeoutMs: world.softTimeoutMs ?? 0,
      leaseTtlMs: 500,
      fillWaitMs: FILL_WAIT_MS,
    })
    const outage = (): void => {
      const server = scheduler.pick(servers)
      if (scheduler.chance(0.5)) server.unreachableFor.add(process)
      else server.isDown = true
      scheduler.note(`${server.name} is out of reach${server.isDown ? '' : ` for ${process.name}`}`)
      scheduler.after(scheduler.random() * OUTAGE_MS, undefined, () => {
        server.isDown = false
        server.unreachableFor.clear()
        scheduler.note(`${server.name} is back`)
      })
    }
    const load = async (keys: readonly string[]) => {
      await scheduler.step(`p${i} asks the database`, process)
      const padding = world.nearCopies === true ? PADDING : ''
      const found = new Map(keys.map((key) => [key, `${committed.get(key) ?? 0}${padding}`]))
      if (scheduler.chance(world.slowLoaders ?? 0)) await scheduler.sleep(4 * FILL_WAIT_MS, process)
      if (scheduler.chance(world.failures ?? 0)) throw new Error('The database fails')
      await scheduler.step(`p${i} hears from the database`, process)
      return found
    }
    const read = async (keys: readonly string[]) => {
      const known = keys.map((key) => acknowledged.get(key) ?? 0)
      const found = await queries.cachedMany(keys, { tags: TAGS }, load).catch((error: unknown) => {
        if (world.failures === undefined) throw error
      })
      if (found === undefined) return
      for (const [j, key] of keys.entries()) {
        reads++
        const version = Number.parseInt(found.get(key) ?? '-1', 10)
        scheduler.note(`p${i} READ ${key}=${version}, acknowledged ${known[j] ?? 0}`)
        if (version < (known[j] ?? 0)) stale.push(`${key}: ${version} after ${known[j] ?? 0}`)
      }
    }
    const write = async (key: string) => {
      await scheduler.step(`p${i} commits`, process)
      const version = (committed.get(key) ?? 0) + 1
      committed.set(key, version)
      for (let tries = 0; tries < 10; tries++) {
        const call = () => invalidate(queries, key)
        const isTold = await (broken.invalidate?.(call) ?? call()).then(
          () => true,
          () => false,
        )
        if (!isTold) continue
        scheduler.note(`p${i} ACKNOWLEDGED ${key}=${version}`)
        acknowledged.set(key, Math.max(version, acknowledged.get(key) ?? 0))
        return
      }
    }
    for (let step = 0; step < 8; step++) {
      const key = scheduler.pick(KEYS)
      if (scheduler.chance(0.3)) await write(key)
      else await Promise.all([read([key]), scheduler.chance(0.5) ? read(KEYS) : read([scheduler.pick(KEYS)])])
      if (scheduler.chance(world.evictions)) scheduler.pick(servers).evictOne()
      if (scheduler.chance(world.restarts)) scheduler.pick(servers).restart()
      if (scheduler.chance(world.outages ?? 0)) outage()
    }
    counters.push(queries.counters())
  })
  await scheduler.run(Promise.all(actors))
  if (stale.length > 0) stale.push(...scheduler.trace)
  return { reads, stale, counters }
}

const WAYS: Readonly<Record<string, Invalidate>> = {
  'by key': (queries, key) => queries.invalidate(key),
  'by tag': (queries) => queries.invalidate({ tag: 'rental' }),
  'by prefix': (queries, key) => queries.invalidate(key.includes(':') ? { prefix: 'film:' } : { key }),
}
const WORLDS: Readonly<Record<string, World>> = {
  'nothing fails': { losses: 0, evictions: 0, restarts: 0 },
  'items are evicted and servers restart': { losses: 0, evictions: 0.4, restarts: 0.1 },
  'answers are lost': { losses: 0.1, evictions: 0.1, restarts: 0 },
  'results may be used in their grace': {
    ...{ losses: 0.02, evictions: 0.1, restarts: 0, graceMs: 60_000, slowLoaders: 0.3 },
    shows: ['staleHits'],
  },
  'callers wait for a refresh, and loaders fail': {
    ...{ losses: 0.02, evictions: 0.1, restarts: 0.02, graceMs: 60_000 },
    ...{ softTimeoutMs: 100, slowLoaders: 0.3, failures: 0.2 },
    shows: ['staleHits', 'loaderErrors'],
  },
  'loaders are slower than others wait': {
    ...{ losses: 0, evictions: 0.1, restarts: 0, slowLoaders: 0.5 },
    shows: ['bypasses', 'fillsRefused'],
  },
  'processes keep near copies': {
    ...{ losses: 0.02, evictions: 0.05, restarts: 0.1, nearCopies: true },
    shows: ['nearHits', 'nearMisses'],
  },
  'several servers are out of reach at times': {
    ...{ losses: 0.02, evictions: 0.1, restarts: 0.05, servers: 3, outages: 0.3, slowLoaders: 0.2 },
    shows: ['bypasses', 'cacheErrors'],
  },
}

async function runAll(world: World, invalidate: Invalidate, broken?: BrokenVariant): Promise<number> {
  // Worlds that are about one thing show it in fewer runs.
  const runs = world.shows === undefined ? RUNS : Math.ceil(RUNS / 2)
  let reads = 0
  const shown = new Map((world.shows ?? []).map((name) => [name, 0]))
  for (let seed = FIRST_SEED; seed < FIRST_SEED + runs; seed++) {
    const outcome = await run(seed, world, invalidate, broken)
    if (outcome.stale.length > 0) throw new Error(`stale, seed ${seed}:\n${outcome.stale.join('\n')}`)
    reads += outcome.reads
    for (const each of outcome.counters) for (const [name, sum] of shown) shown.set(name, sum + each[name])
  }
  for (const [name, sum] of shown) if (sum === 0) throw new Error(`The world never shows ${name}`)
  return reads
}

describe('what is invalidated is never read again, simulated, where', () => {
  for (const [name, world] of Object.entries(WORLDS)) {
    for (const [way, invalidate] of Object.entries(WAYS)) {
      test(`${name}, ${way}`, { timeout: 600_000 }, async () => {
        expect(await runAll(world, invalidate)).toBeGreaterThan(RUNS / 2)
      })
    }
  }
})

test('a writer that does not invalidate is caught', async () => {
  await expect(runAll(WORLDS['nothing fails']!, () => Promise.resolve())).rejects.toThrow('stale')
})

describe('a broken variant is caught:', () => {
  const caught = async (variant: BrokenVariant): Promise<boolean> => {
    for (const [name, world] of Object.entries(WORLDS)) {
      if (variant.world !== undefined && variant.world !== name) continue
      for (const invalidate of Object.values(WAYS)) {
        const isCaught = await runAll(world, invalidate, variant).then(
          () => false,
          (error: unknown) => String(error).includes('stale'),
        )
        if (isCaught) return true
      }
    }
    return false
  }

  test.each(Object.entries(BROKEN))('%s', { timeout: 600_000 }, async (_, variant) => {
    expect(await caught(variant)).toBe(true)
  })
})

// `ls`, `ils`, `ext` and pages: out of the cache, and from PostgreSQL, through the same interface.
import { closeStorages, countOf, medianOf, openStorages, ratioOf, round, timed } from './setting.mjs'

const PAGE = 100

async function expectCount(storage, collection, count) {
  const { size } = await storage.ls(collection)
  if (size !== count) throw new Error(`${size} names listed instead of ${count}`)
}

/** Interleaved rounds of the same call on all storages, after one that is not counted. */
async function compare(rounds, storages, call) {
  const times = new Map(Object.keys(storages).map((name) => [name, []]))
  for (let i = 0; i <= rounds; i++) {
    for (const [name, storage] of Object.entries(storages)) {
      globalThis.gc()
      const time = await timed(() => call(storage))
      if (i > 0) times.get(name).push(time)
    }
  }
  const { postgres, fetched, kept } = Object.fromEntries(times)
  return {
    postgresMs: round(medianOf(postgres)),
    fetchedMs: round(medianOf(fetched)),
    fetchedTimesFaster: ratioOf(postgres, fetched),
    keptMs: round(medianOf(kept)),
    keptTimesFaster: ratioOf(postgres, kept),
  }
}

/**
 * `fetched`: all names come from memcached each time. `kept`: as it is by default, so that a process that has listed
 * before asks memcached for what has changed; where a listing has no room there, both are the same.
 */
export async function measureReads(servers, collection, count, rounds) {
  const { durable, cached } = await openStorages(servers)
  const bare = await openStorages(servers, { listMemoryBytes: 0 })
  const storages = { postgres: durable, fetched: bare.cached, kept: cached }
  try {
    await expectCount(cached, collection, count)
    const asked = () => cached.counters().durableListings + bare.cached.counters().durableListings
    const before = asked()
    const results = {
      ls: await compare(rounds, storages, (storage) => expectCount(storage, collection, count)),
      "ls, 'xhtml' (a tenth)": await compare(rounds, storages, (storage) => storage.ls(collection, 'xhtml')),
      ils: await compare(rounds, storages, (storage) => countOf(storage.ils(collection))),
      'ils, first name': await compare(rounds, storages, (storage) =>
        storage.ils(collection)[Symbol.asyncIterator]().next(),
      ),
    }
    const missed = asked() - before
    if (missed > 0) throw new Error(`${missed} listings were not answered by the cache`)
    return { ...results, [`page of ${PAGE}`]: await measurePages(cached, collection, count) }
  } finally {
    await closeStorages({ durable, cached })
    await closeStorages(bare)
  }
}

/** Pages come from the database: what matters is that a late one costs what the first one costs. */
async function measurePages(storage, collection, count) {
  const results = {}
  for (const order of ['name', 'newest']) {
    let after
    for (let seen = 0; seen < count / 2; seen += 10_000) {
      after = (await storage.page(collection, { order, limit: 10_000, after })).next
    }
    const times = { first: [], middle: [] }
    for (let i = 0; i < 50; i++) {
      times.first.push(await timed(() => storage.page(collection, { order, limit: PAGE })))
      times.middle.push(await timed(() => storage.page(collection, { order, limit: PAGE, after })))
    }
    results[order] = {
      firstMs: round(medianOf(times.first), 2),
      inTheMiddleMs: round(medianOf(times.middle), 2),
    }
  }
  return results
}

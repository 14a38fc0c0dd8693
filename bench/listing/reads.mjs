// `ls`, `ils`, `ext` and pages: out of the cache, and from PostgreSQL, through the same interface.
import { closeStorages, countOf, medianOf, openStorages, ratioOf, round, timed } from './setting.mjs'

const PAGE = 100

async function expectCount(storage, collection, count) {
  const { size } = await storage.ls(collection)
  if (size !== count) throw new Error(`${size} names listed instead of ${count}`)
}

/** Interleaved rounds of the same call on both storages, after one that is not counted. */
async function compare(rounds, { durable, cached }, call) {
  const times = { durable: [], cached: [] }
  for (let i = 0; i <= rounds; i++) {
    for (const [name, storage] of [
      ['durable', durable],
      ['cached', cached],
    ]) {
      globalThis.gc?.()
      const time = await timed(() => call(storage))
      if (i > 0) times[name].push(time)
    }
  }
  return {
    postgresMs: round(medianOf(times.durable)),
    cacheMs: round(medianOf(times.cached)),
    timesFaster: ratioOf(times.durable, times.cached),
  }
}

export async function measureReads(servers, collection, count, rounds) {
  const storages = await openStorages(servers)
  const { cached } = storages
  try {
    const buildMs = await timed(() => expectCount(cached, collection, count))
    const before = cached.counters()
    const results = {
      'ls, first time (builds)': { cacheMs: round(buildMs) },
      ls: await compare(rounds, storages, (storage) => expectCount(storage, collection, count)),
      "ls(…, 'xhtml')": await compare(rounds, storages, (storage) => storage.ls(collection, 'xhtml')),
      ils: await compare(rounds, storages, (storage) => countOf(storage.ils(collection))),
      'ils, first name': await compare(rounds, storages, async (storage) => {
        await storage.ils(collection)[Symbol.asyncIterator]().next()
      }),
    }
    const after = cached.counters()
    const missed = after.durableListings - before.durableListings
    if (missed > 0) throw new Error(`${missed} listings were not answered by the cache`)
    return { ...results, ...(await measurePages(cached, collection, count)) }
  } finally {
    await closeStorages(storages)
  }
}

/** Pages come from the database: what matters is that a late one costs what the first one costs. */
async function measurePages(storage, collection, count) {
  const firsts = []
  const lates = []
  let after
  for (let seen = 0; seen < count / 2; seen += 10_000) {
    after = (await storage.page(collection, { limit: 10_000, after })).next
  }
  for (let i = 0; i < 50; i++) {
    firsts.push(await timed(() => storage.page(collection, { limit: PAGE })))
    lates.push(await timed(() => storage.page(collection, { limit: PAGE, after: after })))
  }
  return {
    [`page of ${PAGE}, by name`]: {
      firstMs: round(medianOf(firsts), 2),
      inTheMiddleMs: round(medianOf(lates), 2),
    },
  }
}

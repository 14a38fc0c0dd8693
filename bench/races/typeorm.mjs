// TypeORM's query cache, beside an entity of its own. Its writers can only remove.
import { DataSource, EntitySchema } from 'typeorm'

const Film = new EntitySchema({
  name: 'Film',
  columns: { id: { type: String, primary: true }, content: { type: String } },
})

/** `queryCache`: what a data source is told of its cache; `true` is a table. */
export async function openTypeorm(stage, queryCache) {
  const database = `${stage.file}.typeorm`
  const options = { type: 'better-sqlite3', database, entities: [Film], cache: queryCache, synchronize: true }
  const source = await new DataSource(options).initialize()
  const films = source.getRepository(Film)
  const cache = { id: stage.key, milliseconds: 600_000 }
  stage.films ??= films
  return {
    read: async () => (await films.findOne({ where: { id: stage.key }, cache })).content,
    write: async (content) => {
      await films.save({ id: stage.key, content })
      await source.queryResultCache.remove([stage.key])
    },
    pauseNextFill: () => pauseNextStore(source.queryResultCache),
    close: () => source.destroy(),
  }
}

/** The query is answered, and its result not yet stored. */
function pauseNextStore(cache) {
  const store = cache.storeInCache.bind(cache)
  let reach
  let open
  const reached = new Promise((resolve) => (reach = resolve))
  const opened = new Promise((resolve) => (open = resolve))
  cache.storeInCache = async (...results) => {
    cache.storeInCache = store
    reach()
    await opened
    return store(...results)
  }
  return { reached, open }
}

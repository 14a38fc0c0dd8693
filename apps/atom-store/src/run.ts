import { type CacheHome, chooseCache, Client, type Database, openDatabase } from '@larder/example-environment'
import { RemoteCache } from '@larder/memcached'
import { once } from 'node:events'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { alone } from './alone.js'
import { type Config, readConfig } from './config.js'
import type { Command } from './command-line.js'
import { createPages } from './pages/index.js'
import { seed } from './seed.js'
import { startServer } from './server.js'
import { AtomStore, type Hooks } from './store/index.js'

const OWN_CONFIG = fileURLToPath(new URL('../atom-store.json', import.meta.url))

export interface ProcessIO {
  readonly env: NodeJS.ProcessEnv
  /** Ends it; what has been opened is closed. */
  readonly signal: AbortSignal
  /** Prints a line. */
  readonly say: (text: string) => void
  readonly complain: (error: unknown) => void
}

/** Serves until it is told to stop. */
export async function run(command: Command, io: ProcessIO): Promise<void> {
  const { env, signal, say } = io
  const config = await readConfig(command.configFile ?? OWN_CONFIG)
  const hooks = await loadHooks(config)
  const choice = { ...command, fileName: 'atom-store.sqlite', orderByModified: true }
  await using database = await openDatabase(choice, env, signal)
  await using cache = await chooseCache(env)
  say(`database: ${database.description}`)
  say(`cache: ${cache.description}`)
  for (const complaint of cache.complaints) say(`  ${complaint}; the database is asked in its place`)
  const serve = (): Promise<void> => serveUntilStopped(command, { config, hooks, database, cache }, io)
  // A temporary file is nobody else's, and servers that were named can be named to all.
  const isOwn = command.dataFolder === undefined && !env['DATABASE_URL']
  await (isOwn || env['MEMCACHE_SERVERS'] ? serve() : alone(database, serve, { signal, say }))
}

interface Parts {
  readonly config: Config
  readonly hooks: readonly Hooks[]
  readonly database: Database
  readonly cache: CacheHome
}

async function serveUntilStopped(
  command: Command,
  { config, hooks, database, cache }: Parts,
  { signal, say, complain }: ProcessIO,
): Promise<void> {
  // To ask the servers how they are; a cache within this process is asked itself.
  const probe = 'cache' in cache.access ? cache.access.cache : new RemoteCache(cache.access.servers)
  const open: AsyncDisposable[] = []
  try {
    for (const port of command.ports) {
      const client = await Client.open(database, cache)
      open.push(client)
      const store = new AtomStore(client.storage, config, hooks)
      if (open.length === 1 && command.seed) {
        const made = await seed(store)
        if (made > 0) say(`${made} entries to begin with`)
      }
      const pages = createPages({
        store,
        config,
        statistics: { counters: () => client.storage.counters(), cache: probe },
      })
      const server = await startServer({ store, config, pages, onFault: complain }, command.host, port)
      open.push(server)
      say(`listening at ${server.url}`)
    }
    if (!signal.aborted) await once(signal, 'abort')
  } finally {
    for (const each of open.reverse()) await each[Symbol.asyncDispose]()
    if ('servers' in cache.access) await probe.close()
  }
}

async function loadHooks({ hooks }: Config): Promise<readonly Hooks[]> {
  if (hooks === undefined) return []
  const module = (await import(pathToFileURL(hooks).href)) as { readonly default?: unknown }
  if (!Array.isArray(module.default)) throw new TypeError(`${hooks} exports no list of hooks by default`)
  return module.default as readonly Hooks[]
}

import { runProgram, UsageError } from '@larder/example-environment'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { FRAMEWORKS, serve } from './serve.js'
import { INVALIDATIONS, openShop } from './shop.js'

const HELP = `Serves an API of products and their images.

  npx pnpm@12 --filter api start [--framework NAME] [--host NAME] [--port N] [--invalidation WAY]

  --framework NAME    express or fastify; default: express
  --host NAME         where it listens; default: 127.0.0.1
  --port N            default: 3000, 0 for one that is free
  --invalidation WAY  what tells the cache of changes: outbox or triggers; default: outbox

Environment:
  DATABASE_URL      postgres://, mysql://, mariadb:// or sqlite:PATH;
                    default: a temporary SQLite file
  MEMCACHE_SERVERS  memcached servers, as host:port separated by commas;
                    default: a private memcached if the program is installed,
                    else a cache inside of this process`

await runProgram(async ({ args, env, signal, print }) => {
  const { framework, invalidation, host, port, help } = parseCommand(args)
  if (help) return print(HELP)
  await using shop = await openShop(env, invalidation)
  await using served = await serve(framework, shop, { host, port })
  for (const line of shop.description) print(line)
  print(`${framework} at ${served.url}/products; Ctrl-C ends it`)
  if (!signal.aborted) await once(signal, 'abort')
})

function parseCommand(args: readonly string[]) {
  const options = {
    framework: { type: 'string', default: 'express' },
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '3000' },
    invalidation: { type: 'string', default: 'outbox' },
    help: { type: 'boolean', short: 'h', default: false },
  } as const
  const { port, framework, invalidation, ...values } = parsed(
    () => parseArgs({ args: [...args], options }).values,
  )
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) throw new UsageError(`--port is no port: ${port}`)
  return {
    ...values,
    framework: choice('--framework', FRAMEWORKS, framework),
    invalidation: choice('--invalidation', INVALIDATIONS, invalidation),
    port: Number(port),
  }
}

function choice<T extends string>(option: string, choices: readonly T[], text: string): T {
  const found = choices.find((known) => known === text)
  if (found === undefined) throw new UsageError(`${option} is ${choices.join(' or ')}, not ${text}`)
  return found
}

function parsed<T>(parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause })
  }
}

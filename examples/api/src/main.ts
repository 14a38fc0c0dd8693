import { runProgram, UsageError } from '@larder/example-environment'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { FRAMEWORKS, serve, type Framework } from './serve.js'
import { openShop } from './shop.js'

const HELP = `Serves an API of products and their images.

  npx pnpm@12 --filter api start [--framework NAME] [--port N]

  --framework NAME  express or fastify; default: express
  --port N          where it listens; default: 3000, 0 for one that is free

Environment:
  DATABASE_URL      postgres://, mysql://, mariadb:// or sqlite:PATH;
                    default: a temporary SQLite file
  MEMCACHE_SERVERS  memcached servers, as host:port separated by commas;
                    default: a private memcached if the program is installed,
                    else a cache inside of this process`

await runProgram(async ({ args, env, signal, print }) => {
  const { framework, port, help } = parseCommand(args)
  if (help) return print(HELP)
  await using shop = await openShop(env)
  await using served = await serve(framework, shop, port)
  for (const line of shop.description) print(line)
  print(`${framework} at ${served.url}/products; Ctrl-C ends it`)
  if (!signal.aborted) await once(signal, 'abort')
})

function parseCommand(args: readonly string[]): { framework: Framework; port: number; help: boolean } {
  const options = {
    framework: { type: 'string', default: 'express' },
    port: { type: 'string', default: '3000' },
    help: { type: 'boolean', short: 'h', default: false },
  } as const
  const { framework: name, port, help } = parsed(() => parseArgs({ args: [...args], options }).values)
  const framework = FRAMEWORKS.find((known) => known === name)
  if (framework === undefined) throw new UsageError(`--framework is ${FRAMEWORKS.join(' or ')}, not ${name}`)
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) throw new UsageError(`--port is no port: ${port}`)
  return { framework, port: Number(port), help }
}

function parsed<T>(parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause })
  }
}

import { readFileSync } from 'node:fs'
import { UsageError } from './exit-code.js'

const FILE = 'larder.json'

/** What is the same for all commands, from flags, then the environment, then a file. */
export interface Settings {
  /** The URL of the database. */
  readonly database: string | undefined
  /** memcached servers, with commas. Undefined with `--no-cache`, too. */
  readonly servers: string | undefined
  readonly keyPrefix: string | undefined
  readonly tablePrefix: string | undefined
  /** `--no-cache`: the database alone. */
  readonly isCacheRefused: boolean
  readonly credentials: { readonly username: string; readonly password: string } | undefined
}

/** As the flags give them. */
export interface Flags {
  readonly database?: string
  readonly servers?: string
  readonly keyPrefix?: string
  readonly tablePrefix?: string
  readonly cache?: boolean
  readonly config?: string
  readonly json?: boolean
}

const NAMES = ['database', 'servers', 'keyPrefix', 'tablePrefix'] as const
type Name = (typeof NAMES)[number]

const VARIABLES: Readonly<Record<Name, string>> = Object.freeze({
  database: 'DATABASE_URL',
  servers: 'MEMCACHE_SERVERS',
  keyPrefix: 'LARDER_KEY_PREFIX',
  tablePrefix: 'LARDER_TABLE_PREFIX',
})

/** Throws a `UsageError` for a file that cannot be read or says something else. */
export function settingsOf(flags: Flags, env: NodeJS.ProcessEnv): Settings {
  const file = readSettings(flags.config ?? (env['LARDER_CONFIG'] || undefined))
  // An empty variable counts as none.
  const of = (name: Name): string | undefined => flags[name] ?? (env[VARIABLES[name]] || file[name])
  const isCacheRefused = flags.cache === false
  const username = env['MEMCACHE_USERNAME']
  return {
    database: of('database'),
    servers: isCacheRefused ? undefined : of('servers'),
    keyPrefix: of('keyPrefix'),
    tablePrefix: of('tablePrefix'),
    isCacheRefused,
    credentials: username ? { username, password: env['MEMCACHE_PASSWORD'] ?? '' } : undefined,
  }
}

function readSettings(path: string | undefined): Partial<Record<Name, string>> {
  const text = readText(path ?? FILE, path !== undefined)
  if (text === undefined) return {}
  const where = path ?? FILE
  const parsed = parse(text, where)
  for (const [name, value] of Object.entries(parsed)) {
    if (!NAMES.includes(name as Name))
      throw new UsageError(
        `${where}: there is no setting ${JSON.stringify(name)}; there are ${NAMES.join(', ')}`,
      )
    if (typeof value !== 'string') throw new UsageError(`${where}: ${name} must be a string`)
  }
  return parsed
}

function readText(path: string, isWanted: boolean): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    if (!isWanted && (cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new UsageError(`The settings cannot be read: ${(cause as Error).message}`, { cause })
  }
}

function parse(text: string, where: string): object {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (cause) {
    throw new UsageError(`${where} is no JSON`, { cause })
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new UsageError(`${where} must hold an object of settings`)
  return parsed
}

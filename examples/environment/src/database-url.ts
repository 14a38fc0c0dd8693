import { UsageError } from './usage-error.js'

const SQLITE = 'sqlite:'
const EXAMPLE = 'postgres://user:password@host:5432/database'

const SCHEMES: Readonly<Record<string, string>> = Object.freeze({
  'postgres:': 'PostgreSQL',
  'postgresql:': 'PostgreSQL',
  'mysql:': 'MySQL',
  'mariadb:': 'MariaDB',
})

/** For people, without the password. Throws for what is no URL of a database. */
export function describeDatabaseUrl(url: string): string {
  if (isSqlite(url)) {
    const path = sqlitePathOf(url)
    if (path === '') throw new UsageError('DATABASE_URL: the path of the SQLite file is missing')
    // Each connection would see a database of its own.
    if (path === ':memory:')
      throw new UsageError('DATABASE_URL: a database in memory has room for one client only')
    return `SQLite, ${path}`
  }
  const kind = SCHEMES[/^([a-z]+:)\/\//i.exec(url)?.[1]?.toLowerCase() ?? '']
  if (kind === undefined)
    throw new UsageError('DATABASE_URL must begin with postgres://, mysql://, mariadb:// or sqlite:')
  // Without the error itself: it would tell the password.
  const parsed = parseUrl(url)
  if (parsed === undefined)
    throw new UsageError(`DATABASE_URL is malformed: it should look like ${EXAMPLE}, with % itself as %25`)
  return `${kind}, ${parsed.host}${parsed.pathname}`
}

function parseUrl(url: string): URL | undefined {
  try {
    const parsed = new URL(url)
    decodeURIComponent(`${parsed.username}${parsed.password}${parsed.pathname}`)
    return parsed
  } catch {
    return undefined
  }
}

/** As the driver takes it, which trims it. */
export function sqlitePathOf(url: string): string {
  return url.slice(SQLITE.length).trim()
}

export function isSqlite(url: string): boolean {
  return url.startsWith(SQLITE)
}

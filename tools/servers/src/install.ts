import { spawnSync } from 'node:child_process'
import { accessSync, constants, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'

export type ServerKind = 'memcached' | 'postgres' | 'mariadb' | 'pgbouncer' | 'pgpool' | 'haproxy'
/** What can be installed. */
type ProgramKind = ServerKind | 'chromium'

interface Packages {
  /** Programs that must be there; the first is the server. */
  readonly programs: readonly string[]
  readonly debian: string
  readonly fedora: string
  readonly homebrew: string
}

const PACKAGES: Readonly<Record<ProgramKind, Packages>> = {
  memcached: { programs: ['memcached'], debian: 'memcached', fedora: 'memcached', homebrew: 'memcached' },
  postgres: {
    programs: ['postgres', 'initdb'],
    debian: 'postgresql',
    fedora: 'postgresql-server',
    homebrew: 'postgresql@17',
  },
  mariadb: {
    programs: ['mariadbd', 'mariadb-install-db'],
    debian: 'mariadb-server',
    fedora: 'mariadb-server',
    homebrew: 'mariadb',
  },
  pgbouncer: { programs: ['pgbouncer'], debian: 'pgbouncer', fedora: 'pgbouncer', homebrew: 'pgbouncer' },
  pgpool: { programs: ['pgpool'], debian: 'pgpool2', fedora: 'postgresql-pgpool-II', homebrew: 'pgpool-ii' },
  haproxy: { programs: ['haproxy'], debian: 'haproxy', fedora: 'haproxy', homebrew: 'haproxy' },
  chromium: { programs: ['chromium'], debian: 'chromium', fedora: 'chromium', homebrew: 'chromium' },
}
const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome']

/** The folders of versions below `parent`, newest first: Debian keeps PostgreSQL's programs in such. */
function versioned(parent: string, prefix: string): string[] {
  try {
    const names = readdirSync(parent).filter((name) => name.startsWith(prefix))
    const newestFirst = names.sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
    return newestFirst.map((name) => join(parent, name, 'bin'))
  } catch {
    return []
  }
}

function searchPath(): string[] {
  return [
    ...(process.env['PATH'] ?? '').split(delimiter).filter(Boolean),
    '/usr/sbin',
    '/usr/local/sbin',
    '/usr/libexec',
    ...versioned('/usr/lib/postgresql', ''),
    ...versioned('/opt/homebrew/opt', 'postgresql'),
    ...versioned('/usr/local/opt', 'postgresql'),
  ]
}

/** The path of a program, on the PATH or where packages put servers; undefined when it is not installed. */
export function findProgram(name: string): string | undefined {
  for (const folder of searchPath()) {
    const file = join(folder, name)
    try {
      accessSync(file, constants.X_OK)
      return file
    } catch {
      // Not here.
    }
  }
  return undefined
}

function isInstalled(kind: ProgramKind): boolean {
  return PACKAGES[kind].programs.every((program) => findProgram(program) !== undefined)
}

// Debian starts a service as soon as it is installed, unless policy-rc.d says no. Whatever policy was there
// is put back afterwards; a copy left behind by a run that was killed is put back first.
const APT_SCRIPT = `
set -eu
exec 9>/var/lock/larder-dev-servers
flock 9
policy=/usr/sbin/policy-rc.d
saved=$policy.larder-saved
added=$policy.larder-added
restore() {
  if [ -e "$saved" ] || [ -L "$saved" ]; then mv -f "$saved" "$policy"; fi
  if [ -e "$added" ]; then rm -f "$policy" "$added"; fi
}
restore
trap restore EXIT
trap 'exit 1' HUP INT TERM
if [ -e "$policy" ] || [ -L "$policy" ]; then mv "$policy" "$saved"; else touch "$added"; fi
printf '#!/bin/sh\\nexit 101\\n' > "$policy"
chmod 755 "$policy"
export DEBIAN_FRONTEND=noninteractive
apt-get -q update || echo 'apt-get update failed: trying with the package lists at hand'
apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 install "$@"
`

function installOnDebian(packages: readonly string[]): boolean {
  if (findProgram('apt-get') === undefined) return false
  const isRoot = process.getuid?.() === 0
  if (!isRoot && spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status !== 0) return false
  const script = ['sh', '-c', APT_SCRIPT, 'install-servers', ...packages]
  const [command = 'sh', ...args] = isRoot ? script : ['sudo', '-n', ...script]
  process.stderr.write(`Installing ${packages.join(', ')} with apt-get\n`)
  // Its standard output is not ours: a program that uses this package may print something to be read there.
  return spawnSync(command, args, { stdio: ['ignore', 2, 2] }).status === 0
}

function adviceFor(kinds: readonly ProgramKind[]): string {
  const list = (system: 'debian' | 'fedora' | 'homebrew'): string =>
    kinds.map((kind) => PACKAGES[kind][system]).join(' ')
  return [
    `Not installed, and could not be installed from here: ${kinds.join(', ')}. Please install:`,
    `  Debian, Ubuntu:  sudo apt-get install ${list('debian')}`,
    `  Fedora:          sudo dnf install ${list('fedora')}`,
    `  Homebrew:        brew install ${list('homebrew')}`,
    'or name what is there in MEMCACHE_SERVERS, POSTGRES_URL, MYSQL_URL and CHROME_PATH (see CONTRIBUTING.md).',
  ].join('\n')
}

/**
 * Installs what is missing of these servers, where that is possible without asking: with apt-get, as root or
 * through `sudo -n`, and without letting the system start them. Rejects with what to install otherwise.
 */
export function ensureServers(...kinds: readonly ServerKind[]): void {
  ensurePrograms(kinds)
}

function ensurePrograms(kinds: readonly ProgramKind[]): void {
  const missing = (): ProgramKind[] => kinds.filter((kind) => !isInstalled(kind))
  const before = missing()
  if (before.length === 0) return
  installOnDebian(before.map((kind) => PACKAGES[kind].debian))
  const after = missing()
  if (after.length > 0) throw new Error(adviceFor(after))
}

/** The path of a server's program, which is installed first where needed and possible. */
export function serverProgram(kind: ServerKind, program = PACKAGES[kind].programs[0] ?? kind): string {
  ensureServers(kind)
  const path = findProgram(program)
  if (path === undefined) throw new Error(adviceFor([kind]))
  return path
}

/** The path of Chromium, or of what `CHROME_PATH` names; installed first where needed and possible. */
export function browserProgram(): string {
  const given = process.env['CHROME_PATH']
  if (given) return given
  const find = (): string | undefined => BROWSERS.map(findProgram).find((path) => path !== undefined)
  const found = find()
  if (found !== undefined) return found
  ensurePrograms(['chromium'])
  return find() ?? 'chromium'
}

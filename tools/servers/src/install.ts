import { spawnSync } from 'node:child_process'
import { accessSync, constants, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'

export type ServerKind =
  'memcached' | 'postgres' | 'mariadb' | 'pgbouncer' | 'pgpool' | 'haproxy' | 'twemproxy'
/** Languages with the memcached clients that values are exchanged with. */
export type LanguageKind = 'perl' | 'php' | 'python' | 'ruby'
/** What can be installed. */
type ProgramKind = ServerKind | LanguageKind | 'chromium'

interface Packages {
  /** Programs that must be there; the first is the server. */
  readonly programs: readonly string[]
  /** Arguments with which the first program succeeds only where its libraries are installed. */
  readonly probe?: readonly string[]
  /** Names of packages, separated by spaces. */
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
  twemproxy: {
    programs: ['nutcracker'],
    debian: 'nutcracker',
    fedora: 'twemproxy',
    homebrew: 'twemproxy',
  },
  haproxy: { programs: ['haproxy'], debian: 'haproxy', fedora: 'haproxy', homebrew: 'haproxy' },
  perl: {
    programs: ['perl'],
    probe: ['-MCache::Memcached', '-MCache::Memcached::Fast', '-e', '1'],
    debian: 'libcache-memcached-perl libcache-memcached-fast-perl',
    fedora: 'perl-Cache-Memcached perl-Cache-Memcached-Fast',
    homebrew: 'perl',
  },
  php: {
    programs: ['php'],
    probe: ['-r', 'exit(extension_loaded("memcached") && extension_loaded("igbinary") ? 0 : 1);'],
    debian: 'php-cli php-memcached php-igbinary',
    fedora: 'php-cli php-pecl-memcached php-pecl-igbinary',
    homebrew: 'php',
  },
  python: {
    programs: ['python3'],
    probe: ['-c', 'import memcache, pylibmc, pymemcache'],
    debian: 'python3-memcache python3-pylibmc python3-pymemcache',
    fedora: 'python3-memcached python3-pylibmc python3-pymemcache',
    homebrew: 'python3',
  },
  ruby: {
    programs: ['ruby'],
    probe: ['-e', 'require "dalli"'],
    debian: 'ruby ruby-dalli',
    fedora: 'ruby rubygem-dalli',
    homebrew: 'ruby',
  },
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
  return programsNamed(name)[0]
}

function programsNamed(name: string): string[] {
  return searchPath()
    .map((folder) => join(folder, name))
    .filter((file) => {
      try {
        accessSync(file, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}

function isInstalled(kind: ProgramKind): boolean {
  const { programs, probe } = PACKAGES[kind]
  const isThere = programs.every((program) => findProgram(program) !== undefined)
  return isThere && (probe === undefined || probed(kind) !== undefined)
}

/** The path of the first program of that kind which has its libraries: the PATH may name one that does not. */
function probed(kind: ProgramKind): string | undefined {
  const { programs, probe = [] } = PACKAGES[kind]
  const works = (file: string): boolean => spawnSync(file, probe, { stdio: 'ignore' }).status === 0
  return programsNamed(programs[0] ?? kind).find(works)
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
apt-get -q update || echo 'apt-get update failed: trying with the present package lists'
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
  installOnDebian(before.flatMap((kind) => PACKAGES[kind].debian.split(' ')))
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

/** The path of an interpreter that has the memcached clients of its language; installed first where possible. */
export function languageProgram(kind: LanguageKind): string {
  ensurePrograms([kind])
  return probed(kind) ?? kind
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

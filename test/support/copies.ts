import type * as memcached from '@larder/memcached'
import type * as core from '@larder/storage-core'
import type * as memcache from '@larder/storage-memcache'
import type * as sql from '@larder/storage-sql'
import { cp, mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const PACKAGES = fileURLToPath(new URL('../../packages', import.meta.url))
const NAMES = ['memcached', 'storage-core', 'storage-memcache', 'storage-sql'] as const

export interface Copies extends AsyncDisposable {
  readonly core: typeof core
  readonly memcached: typeof memcached
  readonly memcache: typeof memcache
  readonly sql: typeof sql
}

/** Loads a second copy of each package, as a nested `node_modules` has it; other packages are those of the first. */
export async function loadCopies(): Promise<Copies> {
  const folder = await mkdtemp(join(tmpdir(), 'larder-copies-'))
  const scope = join(folder, 'node_modules', '@larder')
  for (const name of NAMES) await copy(join(PACKAGES, name), join(scope, name))
  const load = async (name: (typeof NAMES)[number]): Promise<unknown> =>
    import(pathToFileURL(join(scope, name, 'dist', 'index.js')).href)
  return {
    core: (await load('storage-core')) as Copies['core'],
    memcached: (await load('memcached')) as Copies['memcached'],
    memcache: (await load('storage-memcache')) as Copies['memcache'],
    sql: (await load('storage-sql')) as Copies['sql'],
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

async function copy(from: string, to: string): Promise<void> {
  await mkdir(join(to, 'node_modules'), { recursive: true })
  await cp(join(from, 'dist'), join(to, 'dist'), { recursive: true })
  await cp(join(from, 'package.json'), join(to, 'package.json'))
  const modules = await readdir(join(from, 'node_modules')).catch(() => [])
  for (const module of modules.filter((name) => !['.bin', '@larder'].includes(name)))
    await symlink(join(from, 'node_modules', module), join(to, 'node_modules', module))
}

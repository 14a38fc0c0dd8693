import { startMemcached } from '@larder/dev-servers'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { ROOT } from '../support/compile.js'
import { pages } from '../support/pages.js'
import { serverPage, shell, visit } from '../support/server-programs.js'
import { blocksOf, snippetsOf } from '../support/snippets.js'

interface Packed {
  readonly name: string
  readonly tarball: string
}

const SERVERS = ['docs/express.md', 'docs/fastify.md', 'docs/nestjs.md']
const ENV = {
  ...process.env,
  npm_config_audit: 'false',
  npm_config_fund: 'false',
  npm_config_prefer_offline: 'true',
  // The only one is that of SQLite, which asks another place than the registry for a binary.
  npm_config_ignore_scripts: 'true',
}

let folder: string
let packed: readonly Packed[]
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'larder-fresh-'))
  const script = join(ROOT, 'scripts', 'pack-built.mjs')
  const { stdout } = await promisify(execFile)(process.execPath, [script, folder])
  packed = JSON.parse(stdout) as Packed[]
}, 180_000)
afterAll(() => rm(folder, { recursive: true, force: true }))

/** The packages are not published: the page says to name their tarballs until then. */
function withTarballs(line: string): string {
  return line.replaceAll(/@larder\/[\w-]+/g, (name) => {
    const found = packed.find((one) => one.name === name)
    if (found === undefined) throw new Error(`${name} is not published`)
    return found.tarball
  })
}

async function newProject(name: string): Promise<string> {
  const project = join(folder, name)
  await mkdir(project)
  return project
}

async function enter(lines: readonly string[], project: string): Promise<void> {
  for (const line of lines) await shell(withTarballs(line), project, ENV)
}

/** The workspace's is built for this Node. */
async function linkSqlite(project: string): Promise<void> {
  const target = join(project, 'node_modules', 'better-sqlite3')
  await rm(target, { recursive: true })
  await symlink(await realpath(join(ROOT, 'node_modules', 'better-sqlite3')), target)
}

async function privateMemcached(): Promise<string> {
  const memcached = await startMemcached()
  onTestFinished(() => memcached.stop())
  return memcached.address
}

function pageOf(name: string): string {
  const page = pages().get(name)
  if (page === undefined) throw new Error(`There is no page ${name}`)
  return page
}

function fileOf(page: string, name: string): string {
  const snippet = snippetsOf(page, pageOf(page)).find(({ file }) => file === name)
  if (snippet === undefined) throw new Error(`${page} has no ${name}`)
  return snippet.code
}

describe('a fresh project with the packed packages and the commands of its page', () => {
  test.each(SERVERS)(
    '%s reaches a running server',
    async (page) => {
      const project = await newProject(page.replaceAll(/\W/g, '-'))
      const commands = serverPage(pageOf(page))
      await enter(commands.install, project)
      await linkSqlite(project)
      await writeFile(join(project, 'stop.ts'), fileOf('docs/express.md', 'stop.ts'))
      await writeFile(join(project, 'server.ts'), fileOf(page, 'server.ts'))
      await enter(commands.build.slice(0, -1), project)
      expect(commands.build.at(-1)).toBe('node server.js')
      await visit('server.js', project, { ...ENV, MEMCACHE_SERVERS: await privateMemcached() }, commands)
    },
    240_000,
  )

  test('a script for npm memcached runs after one line of it has changed', async () => {
    const project = await newProject('script')
    const page = pageOf('docs/coming-from.md')
    const script = snippetsOf('', page).find(({ code }) => code.startsWith('// import Memcached from'))
    const [before = '', after = '', ...rest] = script?.code.split('\n') ?? []
    const run = async (line: string): Promise<string> => {
      await writeFile(join(project, 'script.mjs'), [line, ...rest].join('\n'))
      return shell('node script.mjs', project, { ...ENV, MEMCACHE_SERVERS: await privateMemcached() })
    }
    await enter(['npm init -y', 'npm install memcached'], project)
    expect(await run(before.replace('// ', ''))).toBe(`${script?.output}\n`)
    const commands = blocksOf(page).find(({ text }) => text.startsWith('npm uninstall memcached'))
    await enter(commands?.text.split('\n') ?? [], project)
    expect(await run(after)).toBe(`${script?.output}\n`)
    const manifest = JSON.parse(await readFile(join(project, 'package.json'), 'utf8')) as {
      dependencies: object
    }
    expect(Object.keys(manifest.dependencies)).toEqual(['@larder/memcached', '@larder/storage-core'])
  }, 180_000)
})

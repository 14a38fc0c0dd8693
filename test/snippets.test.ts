import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type MemcachedServer, startMemcached } from '@larder/dev-servers'
import { servers } from '@larder/dev-servers/vitest'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { compile, type Compiled, ROOT } from './support/compile.js'
import { comments, pages } from './support/pages.js'
import { serverPage, visit } from './support/server-programs.js'
import { type Snippet, snippetsOf } from './support/snippets.js'

const run = promisify(execFile)

/** CONTRIBUTING.md is for those who change this repository, and shows pieces of its tests. */
const forUsers = [...pages(), ...comments()].filter(([page]) => page !== 'CONTRIBUTING.md')
const snippets = forUsers.flatMap(([page, markdown]) => snippetsOf(page, markdown))

const programs = snippets.filter(({ file }) => file === undefined)
const serving = snippets.filter(({ file }) => file === 'server.ts')

let compiled: Compiled
beforeAll(async () => {
  compiled = await compile(snippets)
})
afterAll(() => compiled[Symbol.asyncDispose]())

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'larder-snippet-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Programs of different pages use the same names, so each has servers of its own. */
async function serversFor({ code }: Snippet): Promise<Record<string, string>> {
  const env: Record<string, string> = {}
  if (code.includes('MEMCACHE_SERVERS')) {
    const memcached: MemcachedServer = await startMemcached()
    onTestFinished(() => memcached.stop())
    env['MEMCACHE_SERVERS'] = memcached.address
  }
  if (code.includes('DATABASE_URL')) {
    const database = await servers.postgres.createDatabase()
    onTestFinished(() => database.drop())
    env['DATABASE_URL'] = database.url
  }
  return env
}

describe('every program in a page runs, and prints what the page says', () => {
  test('there are some in the README', () => {
    expect(snippets.filter(({ page }) => page === 'README.md').length).toBeGreaterThan(1)
  })

  test('there are some in the comments of the sources', () => {
    expect(snippets.filter(({ page }) => page.startsWith('packages/')).length).toBeGreaterThan(1)
  })

  test.each(programs.map((snippet) => [`${snippet.page}:${snippet.line}`, snippet] as const))(
    '%s',
    async (_, snippet) => {
      const cwd = await newFolder()
      const env = await serversFor(snippet)
      const { stdout, stderr } = await run(process.execPath, [compiled.programOf(snippet)], {
        cwd,
        env,
        timeout: 60_000,
      })
      expect(stderr).toBe('')
      if (snippet.output !== undefined) expect(stdout.trimEnd()).toBe(snippet.output.trimEnd())
    },
  )
})

describe('every server in a page answers as the page says, and ends on SIGTERM', () => {
  test.each(serving.map((snippet) => [snippet.page, snippet] as const))('%s', async (page, snippet) => {
    const env = { ...process.env, ...(await serversFor(snippet)) }
    const commands = serverPage(pages().get(page) ?? '')
    await visit(compiled.programOf(snippet), await newFolder(), env, commands)
  })

  test('those of Express, Fastify and NestJS are among them', () => {
    expect(serving.map(({ page }) => page)).toEqual(['docs/express.md', 'docs/fastify.md', 'docs/nestjs.md'])
  })

  test('the stop.ts of the page is the one of the example, which has tests', async () => {
    const example = await readFile(join(ROOT, 'examples', 'api', 'src', 'stop.ts'), 'utf8')
    expect(snippets.find(({ file }) => file === 'stop.ts')?.code).toBe(example.trimEnd())
  })
})

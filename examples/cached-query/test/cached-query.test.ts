import { servers } from '@larder/dev-servers/vitest'
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { describe, expect, test, type TestContext } from 'vitest'

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url))

interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const path = [process.env['PATH'], '/usr/bin'].join(delimiter)
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], { env: { PATH: path, ...env } }, (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code ?? -1)
      resolve({ code, stdout, stderr })
    })
  })
}

async function folder({ onTestFinished }: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'larder-test-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  return path
}

/** What each step of a way said, without its figures. */
function stepsOf(stdout: string, way: string): string[] {
  const lines = stdout
    .slice(stdout.indexOf(`  ${way}`))
    .split('\n')
    .slice(1)
  const end = lines.findIndex((line) => line.trim() === '')
  return lines.slice(0, end).map((line) => line.replace(/ in [\d.]+ ms.*/, '').trimEnd())
}

const TOP = [
  '                 9.99  GOLDEN DESERT CODE',
  '                 8.99  JADED GARDEN DREAMS',
  '                 7.99  ELECTRIC ANCHOR FEVER',
  '                 6.99  ELECTRIC ANCHOR HEIST',
  '                 5.99  AMBER FERRY AFFAIR',
]
const CACHED = [
  'first run      loaded data from the database',
  ...TOP,
  'second run     loaded data from memcached',
  'UPDATE         by another program, plain SQL: AMBER FERRY AFFAIR costs 10.99',
  'next run       loaded data from the database',
  '               ... nobody changes a film for the TTL of 2 s',
  'after the TTL  loaded data from the database',
]

function expectTheWholeStory({ code, stdout, stderr }: Outcome): void {
  expect(stderr).toBe('')
  expect(code).toBe(0)
  expect(stepsOf(stdout, 'Without a cache')).toEqual([
    'first run      loaded data from the database',
    ...TOP,
    'second run     loaded data from the database',
  ])
  expect(stepsOf(stdout, 'With the helper')).toEqual(CACHED)
  expect(stepsOf(stdout, "With TypeORM's")).toEqual(CACHED)
  expect(stdout).toMatch(/\d+ lines of code: With the helper/)
}

describe.concurrent('the films', { timeout: 60_000 }, () => {
  test('run on SQLite with a private memcached that leaves nothing behind', async (context) => {
    const temporary = await folder(context)
    const outcome = await run([], { TMPDIR: temporary })
    expectTheWholeStory(outcome)
    expect(outcome.stdout).toContain('started for this run')
    expect(await readdir(temporary)).toEqual([])
  })

  test('on SQLite without a memcached', async (context) => {
    const outcome = await run([], { TMPDIR: await folder(context), PATH: '' })
    expectTheWholeStory(outcome)
    expect(outcome.stdout).toContain('no memcached to start')
  })

  test('on PostgreSQL: twice, the tables stay, and --drop removes them', async ({ onTestFinished }) => {
    const database = await servers.postgres.createDatabase()
    onTestFinished(() => database.drop())
    const env = { DATABASE_URL: database.url, MEMCACHE_SERVERS: servers.memcached.servers }
    const first = await run([], env)
    expectTheWholeStory(first)
    expect(first.stdout).toContain('made film with 1,000 films')
    const second = await run(['--drop'], env)
    expect(second).toMatchObject({ code: 0, stderr: '' })
    expect(second.stdout).not.toContain('made film')
    const client = new pg.Client({ connectionString: database.url })
    await client.connect()
    const { rows } = await client.query(
      "SELECT tablename FROM pg_tables WHERE tablename IN ('film', 'inventory', 'rental')",
    )
    await client.end()
    expect(rows).toEqual([])
  })

  test('on MariaDB', async ({ onTestFinished }) => {
    const database = await servers.mariadb.createDatabase()
    onTestFinished(() => database.drop())
    expectTheWholeStory(await run([], { DATABASE_URL: database.url }))
  })

  test('errors are printed in one line', async () => {
    const [unknown, url, down] = await Promise.all([
      run(['--nonsense']),
      run([], { DATABASE_URL: 'mongodb://secret@host/db' }),
      run([], { DATABASE_URL: 'postgres://user:secret@127.0.0.1:1/db' }),
    ])
    expect(unknown).toMatchObject({ code: 2, stdout: '' })
    expect(unknown.stderr).toContain('--nonsense')
    expect(url).toMatchObject({ code: 2, stdout: '' })
    expect(down).toMatchObject({ code: 1, stdout: '' })
    expect(down.stderr).toContain('cannot be reached: PostgreSQL, 127.0.0.1:1/db')
    expect(`${url.stderr}${down.stderr}`).not.toContain('secret')
  })
})

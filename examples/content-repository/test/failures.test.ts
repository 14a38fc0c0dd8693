import { startMemcached } from '@larder/dev-servers'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, test } from 'vitest'
import { outcomeOf, rowOf, runExample, startExample, WITHOUT_MEMCACHED } from './support/example.js'
import { newFiles, newFolder, newManyFiles } from './support/folder.js'

/** Nobody listens on the first ports. */
const NOBODY = '127.0.0.1:1'

describe('arguments that make no sense end with exit code 2', () => {
  test('a folder that does not exist', async () => {
    const folder = join(await newFolder(), 'missing')
    const outcome = await runExample([folder], WITHOUT_MEMCACHED)
    expect(outcome).toMatchObject({ code: 2, stdout: '' })
    expect(outcome.stderr).toContain(`The folder cannot be read: ${folder} (ENOENT)`)
  })

  test('a file in the place of the folder', async () => {
    const folder = await newFiles({ 'a.txt': '' })
    const outcome = await runExample([join(folder, 'a.txt')], WITHOUT_MEMCACHED)
    expect(outcome).toMatchObject({ code: 2, stderr: `This is no folder: ${join(folder, 'a.txt')}\n` })
  })

  test('options, folders and addresses', async () => {
    const outcomes = await Promise.all([
      runExample(['--wrong']),
      runExample(['one', 'two']),
      runExample(['--data', 'kept'], { DATABASE_URL: 'sqlite:another' }),
      runExample(['.'], { DATABASE_URL: 'oracle://somewhere' }),
      runExample(['.'], { DATABASE_URL: 'sqlite::memory:' }),
      runExample(['.'], { ...WITHOUT_MEMCACHED, MEMCACHE_SERVERS: 'http://somewhere' }),
    ])
    expect(outcomes.map(({ code }) => code)).toEqual([2, 2, 2, 2, 2, 2])
    expect(outcomes[0].stderr).toBe("Unknown option '--wrong'; --help lists the options\n")
    expect(outcomes[3].stderr).toBe(
      'DATABASE_URL must begin with postgres://, mysql://, mariadb:// or sqlite:\n',
    )
  })

  test.each([
    ['sqlite:', 'DATABASE_URL: the path of the SQLite file is missing'],
    ['sqlite: ', 'DATABASE_URL: the path of the SQLite file is missing'],
    ['postgres://user:secret%zz@host/larder', 'DATABASE_URL is malformed'],
    ['postgres://user:secret@host:port/larder', 'DATABASE_URL is malformed'],
    ['postgres:host', 'DATABASE_URL must begin with postgres://'],
  ])('DATABASE_URL=%s, in one line without the password', async (DATABASE_URL, message) => {
    const outcome = await runExample([await newFolder()], { ...WITHOUT_MEMCACHED, DATABASE_URL })
    expect(outcome).toMatchObject({ code: 2, stdout: '' })
    expect(outcome.stderr).toMatch(/^.+\n$/)
    expect(outcome.stderr).toContain(message)
    expect(outcome.stderr).not.toContain('secret')
  })

  test('servers that are none, in one line', async () => {
    const outcome = await runExample([await newFolder()], { PATH: '', MEMCACHE_SERVERS: 'http://somewhere' })
    expect(outcome.stderr).toMatch(/^MEMCACHE_SERVERS: .+\n$/)
  })
})

test('--help prints the usage', async () => {
  const outcome = await runExample(['--help'])
  expect(outcome).toMatchObject({ code: 0, stderr: '' })
  expect(outcome.stdout).toContain('MEMCACHE_SERVERS')
  expect(outcome.stdout).not.toMatch(/^.{81}/m)
})

test.each([
  ['postgres', `postgres://user:secret@${NOBODY}/larder`],
  ['mariadb', `mariadb://user:secret@${NOBODY}/larder`],
])('a %s that cannot be reached is named without its password', async (_, DATABASE_URL) => {
  const outcome = await runExample([await newFiles({ 'a.txt': '' })], { ...WITHOUT_MEMCACHED, DATABASE_URL })
  expect(outcome.code).toBe(1)
  expect(outcome.stderr).toContain('The database cannot be reached')
  expect(outcome.stderr).toContain(NOBODY)
  expect(outcome.stderr).not.toContain('secret')
  expect(outcome.stderr.match(/ECONNREFUSED/g), outcome.stderr).toHaveLength(1)
})

test('an unreachable memcached is reported, and the run continues without it', async () => {
  const folder = await newFiles({ 'a.txt': 'a', 'b.txt': 'b' })
  const outcome = await runExample([folder], { MEMCACHE_SERVERS: NOBODY })
  expect(outcome).toMatchObject({ code: 0, stderr: '' })
  expect(outcome.stdout).toContain(`${NOBODY} does not answer`)
  expect(rowOf('warm read', outcome)).toMatchObject({ operations: 4, hits: 0, databaseReads: 4 })
})

test('a memcached that dies in the middle of the import is done without', async () => {
  const memcached = await startMemcached()
  const example = startExample([await newManyFiles(500), '--verbose'], {
    MEMCACHE_SERVERS: memcached.address,
  })
  const ended = outcomeOf(example)
  let stored = 0
  createInterface(example.stdout).on('line', (line) => {
    if (line.startsWith('stored ') && ++stored === 200) void memcached.stop()
  })
  const outcome = await ended
  await memcached.stop()
  expect(outcome).toMatchObject({ code: 0, stderr: '' })
  expect(rowOf('import', outcome).operations).toBe(500)
  expect(rowOf('warm read', outcome)).toMatchObject({ hits: 0, databaseReads: 1_000 })
  expect(outcome.stdout).toMatch(/The cache did not answer [\d,]+ times; reads went to the database/)
})

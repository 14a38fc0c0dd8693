import { randomBytes } from 'node:crypto'
import { chmod, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { servers } from '@larder/dev-servers/vitest'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type ExampleEnv, type Outcome, rowOf, runExample, WITHOUT_MEMCACHED } from './support/example.js'
import { newFiles, newFolder } from './support/folder.js'

const FILES = {
  'README.md': '# A folder\n',
  'notes/one.txt': 'one\n',
  'notes/two words.txt': 'two\n',
  'notes/línea\nnueva — 日本.txt': 'three\n',
  'pictures/large.png': randomBytes(5 * 1024 * 1024),
}
const COUNT = Object.keys(FILES).length

/** In `listings` reads of the database, what the first listing costs. */
function expectWholeJob(outcome: Outcome, listings = 1): void {
  expect(outcome).toMatchObject({ code: 0, stderr: '' })
  expect(rowOf('import', outcome).operations).toBe(COUNT)
  expect(rowOf('cold read', outcome)).toEqual({
    operations: 2 * COUNT,
    hits: 0,
    misses: 2 * COUNT,
    databaseReads: 2 * COUNT,
  })
  expect(rowOf('warm read', outcome)).toEqual({
    operations: 2 * COUNT,
    hits: 2 * COUNT,
    misses: 0,
    databaseReads: 0,
  })
  expect(rowOf('listing', outcome).databaseReads).toBe(listings)
  expect(rowOf('listing again', outcome)).toEqual({ operations: 1, hits: 1, misses: 0, databaseReads: 0 })
  expect(rowOf('edit', outcome).databaseReads).toBe(0)
  expect(outcome.stdout).toContain(`${COUNT} resources; the first one is "README.md"`)
  expect(outcome.stdout).toContain('refused (E_PRECONDITION_FAILED)')
  expect(outcome.stdout).toContain(`listed are ${COUNT - 1} resources`)
}

describe('the main job', () => {
  const homes: [string, () => Promise<ExampleEnv>][] = [
    ['SQLite and the embedded cache', () => Promise.resolve(WITHOUT_MEMCACHED)],
    ['SQLite and memcached', () => Promise.resolve({ MEMCACHE_SERVERS: servers.memcached.servers })],
    ['PostgreSQL and memcached', () => withDatabase(servers.postgres)],
    ['MariaDB and memcached', () => withDatabase(servers.mariadb)],
  ]
  test.each(homes)('runs on %s', async (_, envOf) => {
    const folder = await newFiles(FILES)
    const outcome = await runExample([folder], await envOf())
    expectWholeJob(outcome)
    // But for the folder and the database, which lie where they lie, it fits into a usual terminal.
    const lines = outcome.stdout.split('\n')
    expect(lines.filter((line) => line.length > 80 && !/^(folder|database) /.test(line))).toEqual([])
    expect(outcome.stdout).toContain(`0 of their ${2 * COUNT} parts came from the database`)
    // What is edited and removed for show is what was stored.
    for (const [name, content] of Object.entries(FILES))
      expect(Buffer.from(content).equals(await readFile(join(folder, name))), name).toBe(true)
  })

  test('starts a memcached and stops it at the end', async () => {
    const outcome = await runExample([await newFiles(FILES)])
    expectWholeJob(outcome)
    expect(outcome.stdout).toMatch(/memcached at 127\.0\.0\.1:\d+, started for this run/)
  })

  test('takes the sources of this repository where no folder is given', async () => {
    const outcome = await runExample([], WITHOUT_MEMCACHED)
    expect(outcome.code).toBe(0)
    expect(rowOf('import', outcome).operations).toBeGreaterThan(50)
    expect(outcome.stdout).not.toContain('node_modules')
  })
})

async function withDatabase(server: typeof servers.postgres | typeof servers.mariadb): Promise<ExampleEnv> {
  const database = await server.createDatabase()
  onTestFinished(() => database.drop())
  return { DATABASE_URL: database.url, MEMCACHE_SERVERS: servers.memcached.servers }
}

test('a content that is too large for the cache is read from the database each time', async () => {
  const folder = await newFiles({ 'small.txt': 'small', 'film.bin': Buffer.alloc(34 * 1024 * 1024, 'film') })
  const outcome = await runExample([folder], WITHOUT_MEMCACHED)
  expect(outcome).toMatchObject({ code: 0, stderr: '' })
  expect(rowOf('cold read', outcome).databaseReads).toBe(4)
  expect(rowOf('warm read', outcome)).toMatchObject({ hits: 3, databaseReads: 1 })
})

describe('what is no plain file', () => {
  test('is passed over with a note', async () => {
    const folder = await newFiles({ 'plain.txt': 'plain', 'secret.txt': 'secret' })
    await symlink('plain.txt', join(folder, 'link'))
    await writeFile(Buffer.concat([Buffer.from(`${folder}/latin-`), Buffer.from([0xe9])]), '')
    await chmod(join(folder, 'secret.txt'), 0)
    // Nothing is unreadable to root.
    const isRoot = process.getuid?.() === 0
    const outcome = await runExample([folder], WITHOUT_MEMCACHED)
    expect(outcome.code).toBe(0)
    expect(rowOf('import', outcome).operations).toBe(isRoot ? 2 : 1)
    expect(outcome.stdout).toContain(`${isRoot ? 2 : 3} skipped`)
    expect(outcome.stdout).toContain('skipped "link": a symbolic link')
    expect(outcome.stdout).toContain('skipped "latin-\u{fffd}": unreadable (ENOENT)')
    if (!isRoot) expect(outcome.stdout).toContain('skipped "secret.txt": unreadable (EACCES)')
  })

  test('as is a name that is too long for a resource', async () => {
    const folder = await newFiles({
      [`${'a'.repeat(200)}/${'b'.repeat(200)}/${'c'.repeat(200)}`]: '',
      short: '',
    })
    const outcome = await runExample([folder], WITHOUT_MEMCACHED)
    expect(outcome.code).toBe(0)
    expect(outcome.stdout).toContain('The resource name has 602 bytes of UTF-8; at most 512 are allowed')
  })

  test('leaves nothing to show in an empty folder', async () => {
    const outcome = await runExample([await newFolder()], WITHOUT_MEMCACHED)
    expect(outcome).toMatchObject({ code: 0, stderr: '' })
    expect(outcome.stdout).toContain('0 files stored')
  })
})

test('a database in the folder is not stored in itself, but its namesakes are', async () => {
  const folder = await newFiles({
    ...FILES,
    'kept.sqlite-notes.txt': 'notes\n',
    'notes/kept.sqlite': 'four\n',
  })
  const env = { ...WITHOUT_MEMCACHED, DATABASE_URL: `sqlite:${join(folder, 'kept.sqlite')}` }
  for (const time of ['first', 'second']) {
    const outcome = await runExample([folder], env)
    expect(outcome, time).toMatchObject({ code: 0, stderr: '' })
    expect(rowOf('import', outcome).operations, time).toBe(COUNT + 2)
  }
})

describe('servers that outlive a run', () => {
  test('never give the items of one database to users of another', async () => {
    const env = { MEMCACHE_SERVERS: servers.memcached.servers }
    const folder = await newFiles(FILES)
    expectWholeJob(await runExample([folder, '--data', await newFolder()], env))
    await writeFile(join(folder, 'README.md'), '# Another\n')
    expectWholeJob(await runExample([folder, '--data', await newFolder()], env))
  })

  test('learn what a later run changes in the same database', async () => {
    const env = { MEMCACHE_SERVERS: servers.memcached.servers }
    const [folder, data] = [await newFiles(FILES), await newFolder()]
    expectWholeJob(await runExample([folder, '--data', data], env))
    await writeFile(join(folder, 'README.md'), '# Another\n')
    // The listing of the first run is still there, and has followed what was written since.
    expectWholeJob(await runExample([folder, '--data', data], env), 0)
  })

  test('learn what is changed through a link to the same database', async () => {
    const env = { MEMCACHE_SERVERS: servers.memcached.servers }
    const [folder, data] = [await newFiles(FILES), await newFolder()]
    const [file, link] = [join(data, 'kept.sqlite'), join(data, 'link.sqlite')]
    await symlink(file, link)
    expectWholeJob(await runExample([folder], { ...env, DATABASE_URL: `sqlite:${file}` }))
    expectWholeJob(await runExample([folder], { ...env, DATABASE_URL: `sqlite:${link}` }), 0)
  })
})

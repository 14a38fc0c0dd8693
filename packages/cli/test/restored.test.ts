import { run } from '@larder/cli'
import {
  findProgram,
  type MemcachedServer,
  REPLICATED,
  startMemcached,
  startPostgres,
  startPostgresStandby,
} from '@larder/dev-servers'
import { servers } from '@larder/dev-servers/vitest'
import { MemcacheStorage } from '@larder/storage-memcache'
import { SqlStorage } from '@larder/storage-sql'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

/** A program that writes through a cache. */
async function openProgram(url: string, memcached: MemcachedServer) {
  const database = await SqlStorage.open({ url })
  const storage = new MemcacheStorage({ servers: memcached.address, storage: database })
  const close = async () => {
    await storage.shutdown()
    await database.shutdown()
  }
  return { storage, info: storage.info('pages', 'home'), [Symbol.asyncDispose]: close }
}

/** Writes what is kept, lets `keep` save the state, and writes what will be lost. */
async function writeAndLose(url: string, memcached: MemcachedServer, keep: () => Promise<void>) {
  await using program = await openProgram(url, memcached)
  const { storage, info } = program
  const kept = await storage.putContent(info, 'kept')
  await keep()
  const lost = await storage.putContent(info, 'lost')
  await storage.putContent(storage.info('pages', 'lost'), 'lost')
  await storage.ls('pages')
  return { kept, lost }
}

async function program(name: string, ...args: string[]): Promise<string> {
  return (await promisify(execFile)(findProgram(name) ?? name, args)).stdout
}

async function larderRestored(url: string, memcached: MemcachedServer): Promise<void> {
  const [stdout, stderr] = [new PassThrough(), Object.assign(new PassThrough(), { isTTY: false })]
  const said = Promise.all([text(stdout), text(stderr)])
  const env = { DATABASE_URL: url, MEMCACHE_SERVERS: memcached.address }
  const { signal } = new AbortController()
  const code = await run(['restored'], { env, stdin: Readable.from([]), stdout, stderr, signal })
  stdout.end()
  stderr.end()
  expect(code, (await said).join('')).toBe(0)
  expect((await said)[0]).toMatch(/^1 resource raised; the servers are empty/)
}

/** What was lost is seen nowhere, and its entity tag holds for nothing that comes. */
async function checkFuture(
  url: string,
  memcached: MemcachedServer,
  { kept, lost }: Awaited<ReturnType<typeof writeAndLose>>,
): Promise<void> {
  await using program = await openProgram(url, memcached)
  const { storage, info } = program
  const found = await storage.getContent(info)
  expect([found.bytes.toString(), found.etag]).toEqual(['kept', kept.etag])
  expect([...(await storage.ls('pages')).keys()]).toEqual(['home'])
  const write = (etag: string) => storage.putContent(info, 'new', { ifMatch: etag })
  await expect(write(lost.etag)).rejects.toMatchObject({ code: 'E_PRECONDITION_FAILED' })
  expect((await write(kept.etag)).version).toBeGreaterThan(lost.version)
  await expect(write(lost.etag)).rejects.toMatchObject({ code: 'E_PRECONDITION_FAILED' })
  expect((await storage.getContent(info)).bytes.toString()).toBe('new')
}

test('after a restored pg_dump no version is issued twice, and nobody reads lost values', async () => {
  await using memcached = await startMemcached()
  const folder = await mkdtemp(join(tmpdir(), 'larder-dump-'))
  const database = await servers.postgres.createDatabase()
  const other = await servers.postgres.createDatabase()
  try {
    const file = join(folder, 'backup')
    const versions = await writeAndLose(database.url, memcached, async () => {
      await program('pg_dump', '-Fc', '-f', file, database.url)
    })
    await program('pg_restore', '--no-owner', '-d', other.url, file)
    await larderRestored(other.url, memcached)
    await checkFuture(other.url, memcached, versions)
  } finally {
    await database.drop()
    await other.drop()
    await rm(folder, { recursive: true, force: true })
  }
})

test('a promoted asynchronous standby issues no version twice, and nobody reads lost values', async () => {
  await using memcached = await startMemcached()
  await using primary = await startPostgres({ settings: REPLICATED })
  await using standby = await startPostgresStandby(primary)
  const ask = async (sql: string) => (await program('psql', '-XAtc', sql, standby.url)).trim()
  const versions = await writeAndLose(primary.url, memcached, async () => {
    await expect.poll(() => ask("SELECT to_regclass('larder_resource') IS NOT NULL")).toBe('t')
    await expect.poll(() => ask('SELECT count(*) FROM larder_resource')).toBe('1')
    await ask("ALTER SYSTEM SET primary_conninfo = ''")
    await ask('SELECT pg_reload_conf()')
    await expect.poll(() => ask('SELECT count(*) FROM pg_stat_wal_receiver')).toBe('0')
  })
  await primary.kill()
  await ask('SELECT pg_promote()')
  await larderRestored(standby.url, memcached)
  await checkFuture(standby.url, memcached, versions)
})

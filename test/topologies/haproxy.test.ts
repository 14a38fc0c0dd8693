import { REPLICATED, startHaproxy, startPostgres, startPostgresStandby } from '@larder/dev-servers'
import { servers } from '@larder/dev-servers/vitest'
import { isStorageError } from '@larder/storage-core'
import { MemcacheStorage } from '@larder/storage-memcache'
import { SqlStorage } from '@larder/storage-sql'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { DataSource } from 'typeorm'
import { expect, test } from 'vitest'

async function ask(url: string, sql: string): Promise<unknown[]> {
  const admin = await new DataSource({ type: 'postgres', url }).initialize()
  try {
    return await admin.query<unknown[]>(sql)
  } finally {
    await admin.destroy()
  }
}

test('behind HAProxy, a primary that dies and its synchronous standby: no acknowledged write is lost, none is stale', async () => {
  await using primary = await startPostgres({ settings: { ...REPLICATED, synchronous_commit: 'on' } })
  await using standby = await startPostgresStandby(primary)
  await ask(primary.url, "ALTER SYSTEM SET synchronous_standby_names = '*'")
  await ask(primary.url, 'SELECT pg_reload_conf()')
  const look = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"
  while ((await ask(primary.url, look)).length === 0) await sleep(20)
  await using balancer = await startHaproxy([primary, standby], ['option tcp-check'])
  const url = balancer.urlFor(primary.url)
  await using durable = await SqlStorage.open({ url, statementTimeoutMs: 2_000 })
  await using other = await SqlStorage.open({ url, statementTimeoutMs: 2_000 })
  const ours = { servers: servers.memcached.servers, keyPrefix: `haproxy-${randomUUID()}:` }
  await using writer = new MemcacheStorage({ ...ours, storage: durable })
  await using reader = new MemcacheStorage({ ...ours, storage: other })

  const acknowledged = new Map<string, number>()
  let isOver = false
  let rejected = 0
  const failed = (error: unknown): void => {
    rejected++
    expect.assert(isStorageError(error), String(error))
    expect(
      ['E_STORAGE_UNAVAILABLE', 'E_OUTCOME_UNKNOWN', 'E_TIMEOUT', 'E_LOCK_TIMEOUT'].includes(error.code),
      `${error.code}: ${error.message}`,
    ).toBeTruthy()
  }
  const write = async (name: string): Promise<void> => {
    const info = writer.info('c', name)
    for (let i = 0; !isOver; i++) {
      try {
        const { version } = await writer.putContent(info, `${i}`)
        acknowledged.set(name, version)
      } catch (error) {
        failed(error)
        await sleep(20)
      }
    }
  }
  const read = async (name: string): Promise<void> => {
    while (!isOver) {
      const least = acknowledged.get(name) ?? 0
      const found = await reader.getContent(reader.info('c', name)).catch((error: unknown) => {
        if (!isStorageError(error, 'E_NOT_FOUND')) failed(error)
      })
      if (found !== undefined)
        expect(found.version, `${name}: ${found.version} after ${least}`).toBeGreaterThanOrEqual(least)
      await sleep(5)
    }
  }
  const names = ['a', 'b', 'c', 'd']
  const working = Promise.all([...names.map(write), ...names.map(read)])
  const moreWrites = async (): Promise<void> => {
    const before = new Map(acknowledged)
    while (names.some((name) => (acknowledged.get(name) ?? 0) < (before.get(name) ?? 0) + 5)) await sleep(20)
  }
  await moreWrites()
  await primary.kill()
  // HAProxy leads to the standby, which is read-only until it is promoted.
  while (rejected === 0) await sleep(10)
  await ask(standby.url, 'SELECT pg_promote()')
  await ask(standby.url, "ALTER SYSTEM SET synchronous_standby_names = ''")
  await ask(standby.url, 'SELECT pg_reload_conf()')
  await moreWrites()
  isOver = true
  await working
  for (const name of names) {
    const { version } = await durable.getContent(durable.info('c', name))
    expect(version).toBeGreaterThanOrEqual(acknowledged.get(name) ?? 0)
    expect((await reader.getContent(reader.info('c', name))).version).toBe(version)
  }
})

import type { SqlStorage } from '@larder/storage-sql'
import { describe, expect, test } from 'vitest'
import { DATABASE_NAMES, errorOf, openFresh, type OpenPlace } from './databases.js'

/** Leaves the tables as an empty backup would: ids are given again from 1 on. */
async function restoreEmpty(opened: OpenPlace): Promise<void> {
  await opened.query('DELETE FROM larder_resource')
  await opened.query('DELETE FROM larder_container')
  const again = {
    postgres: 'ALTER SEQUENCE larder_container_id_seq RESTART',
    mariadb: 'ALTER TABLE larder_container AUTO_INCREMENT = 1',
    sqlite: "DELETE FROM sqlite_sequence WHERE name = 'larder_container'",
  }
  const { type } = opened.place.typeorm
  await opened.query(again[type === 'postgres' || type === 'mariadb' ? type : 'sqlite'])
}

describe.each(DATABASE_NAMES)('a restored %s', (name) => {
  test('cached ids of collections lead an open storage to no other collection', async () => {
    await using opened = await openFresh(name)
    const { storage } = opened
    const other = await opened.another()
    await storage.putContent(storage.info('x', 'old'), 'x')
    await restoreEmpty(opened)
    await other.putContent(other.info('y', 'secret'), 'of y')
    expect(await storage.exists(storage.info('x', 'secret'))).toBe(false)
    expect((await errorOf(storage.getContent(storage.info('x', 'secret')))).code).toBe('E_NOT_FOUND')
    expect((await storage.remove(storage.info('x', 'secret'))).changed).toBe(false)
    const put = await storage.putContent(storage.info('x', 'new'), 'of x', { ifNoneMatch: '*' })
    expect(put.version).toBe(1)
    const names = async (of: SqlStorage, collection: string) => [...(await of.ls(collection)).keys()]
    expect(await names(other, 'y')).toEqual(['secret'])
    expect(await names(storage, 'x')).toEqual(['new'])
    expect(await names(other, 'x')).toEqual(['new'])
  })

  test('a collection that is missing is created again', async () => {
    await using opened = await openFresh(name)
    const { storage } = opened
    for (const collection of ['written', 'listed', 'paged']) await storage.createContainer(collection)
    await restoreEmpty(opened)
    expect(await storage.exists(storage.info('written'))).toBe(false)
    await storage.putContent(storage.info('written', 'r'), 'x')
    expect((await storage.ls('listed')).size).toBe(0)
    expect((await storage.page('paged')).entries).toEqual([])
    expect(await storage.exists(storage.info('written'))).toBe(true)
    // To list what is not there writes nothing.
    for (const collection of ['listed', 'paged'])
      expect(await storage.exists(storage.info(collection)), collection).toBe(false)
  })

  test('restored() issues no version twice and keeps the entity tags of stored parts', async () => {
    await using opened = await openFresh(name)
    const { storage } = opened
    const info = storage.info('c', 'r')
    const { etag } = await storage.putContent(info, 'backed up')
    const lost = await storage.putContent(info, 'lost')
    const unknown = await storage.putContent(storage.info('c', 'lost'), 'lost')
    // What the backup holds.
    await opened.query("UPDATE larder_resource SET version = 1, content_version = 1 WHERE name = 'r'")
    await opened.query("DELETE FROM larder_resource WHERE name = 'lost'")
    expect(await storage.restored({ raiseBy: 1_000 })).toBe(1)
    expect((await storage.getContent(info)).etag).toBe(etag)
    const old = await errorOf(storage.putContent(info, 'unseen', { ifMatch: lost.etag }))
    expect(old.code).toBe('E_PRECONDITION_FAILED')
    const written = await storage.putContent(info, 'new', { ifMatch: etag })
    expect(written.version).toBe(1_002)
    expect((await errorOf(storage.putContent(info, 'unseen', { ifMatch: lost.etag }))).code).toBe(
      'E_PRECONDITION_FAILED',
    )
    const again = await storage.putContent(storage.info('c', 'lost'), 'new')
    expect(again.version, String(again.version)).toBeGreaterThan(unknown.version + 1_000)
  })

  test('restored() reaches every resource of every collection', async () => {
    await using opened = await openFresh(name)
    const { storage } = opened
    const infos = Array.from({ length: 1_500 }, (_, i) => storage.info(i < 1_200 ? 'a' : 'b', `r${i}`))
    await storage.writeMany(infos.map((info) => ({ info, content: 'x' })))
    expect(await storage.restored()).toBe(1_500)
    expect(await opened.count('resource', 'version = 1000001')).toBe(1_500)
  })
})

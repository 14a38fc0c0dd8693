import type { SqlStorage } from '@larder/storage-sql'
import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
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
  test('what a storage knew of collections before leads it to no other collection', async () => {
    await using opened = await openFresh(name)
    const { storage } = opened
    const other = await opened.another()
    await storage.putContent(storage.info('x', 'old'), 'x')
    await restoreEmpty(opened)
    await other.putContent(other.info('y', 'secret'), 'of y')
    assert.equal(await storage.exists(storage.info('x', 'secret')), false)
    assert.equal((await errorOf(storage.getContent(storage.info('x', 'secret')))).code, 'E_NOT_FOUND')
    assert.equal((await storage.remove(storage.info('x', 'secret'))).changed, false)
    const put = await storage.putContent(storage.info('x', 'new'), 'of x', { ifNoneMatch: '*' })
    assert.equal(put.version, 1)
    const names = async (of: SqlStorage, collection: string) => [...(await of.ls(collection)).keys()]
    assert.deepEqual(await names(other, 'y'), ['secret'])
    assert.deepEqual(await names(storage, 'x'), ['new'])
    assert.deepEqual(await names(other, 'x'), ['new'])
  })

  test('a collection that is gone is made again', async () => {
    await using opened = await openFresh(name)
    const { storage } = opened
    for (const collection of ['written', 'listed', 'paged']) await storage.createContainer(collection)
    await restoreEmpty(opened)
    assert.equal(await storage.exists(storage.info('written')), false)
    await storage.putContent(storage.info('written', 'r'), 'x')
    assert.equal((await storage.ls('listed')).size, 0)
    assert.deepEqual((await storage.page('paged')).entries, [])
    assert.equal(await storage.exists(storage.info('written')), true)
    // To list what is not there writes nothing.
    for (const collection of ['listed', 'paged'])
      assert.equal(await storage.exists(storage.info(collection)), false, collection)
  })

  test('restored() lets no version be issued a second time, and keeps entity tags of what is stored', async () => {
    await using opened = await openFresh(name)
    const { storage } = opened
    const info = storage.info('c', 'r')
    const { etag } = await storage.putContent(info, 'backed up')
    const lost = await storage.putContent(info, 'lost')
    const unknown = await storage.putContent(storage.info('c', 'lost'), 'lost')
    // What the backup holds.
    await opened.query("UPDATE larder_resource SET version = 1, content_version = 1 WHERE name = 'r'")
    await opened.query("DELETE FROM larder_resource WHERE name = 'lost'")
    assert.equal(await storage.restored({ raiseBy: 1_000 }), 1)
    assert.equal((await storage.getContent(info)).etag, etag)
    const old = await errorOf(storage.putContent(info, 'unseen', { ifMatch: lost.etag }))
    assert.equal(old.code, 'E_PRECONDITION_FAILED')
    const written = await storage.putContent(info, 'new', { ifMatch: etag })
    assert.equal(written.version, 1_002)
    assert.equal(
      (await errorOf(storage.putContent(info, 'unseen', { ifMatch: lost.etag }))).code,
      'E_PRECONDITION_FAILED',
    )
    const again = await storage.putContent(storage.info('c', 'lost'), 'new')
    assert.ok(again.version > unknown.version + 1_000, String(again.version))
  })

  test('restored() reaches every resource of every collection', async () => {
    await using opened = await openFresh(name)
    const { storage } = opened
    const infos = Array.from({ length: 1_500 }, (_, i) => storage.info(i < 1_200 ? 'a' : 'b', `r${i}`))
    await storage.writeMany(infos.map((info) => ({ info, content: 'x' })))
    assert.equal(await storage.restored(), 1_500)
    assert.equal(await opened.count('resource', 'version = 1000001'), 1_500)
  })
})

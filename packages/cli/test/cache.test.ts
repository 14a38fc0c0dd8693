import { SqlStorage } from '@larder/storage-sql'
import { expect, test } from 'vitest'
import { Workplace } from './larder.js'

/** As a program that knows nothing of the cache. */
async function writePast(place: Workplace, name: string, content: string): Promise<void> {
  await using storage = await SqlStorage.open({ url: String(place.env['DATABASE_URL']) })
  const transaction = {
    journal: [`${place.env['LARDER_KEY_PREFIX']} x`],
    beforeCommit: async () => undefined,
  }
  await storage.putContent(storage.info('pages', name), content, { transaction })
}

test('cache fills, describes and audits the cache', async () => {
  await using place = await Workplace.open()
  await place.run(['migrate'])
  for (const name of ['a', 'b']) await place.run(['put', 'pages', name], 'old')
  const [first] = (await place.values('warm', 'pages')) as { resources: number }[]
  expect(first?.resources).toBe(2)
  const [again] = (await place.values('warm', 'pages')) as { fromDatabase: number }[]
  expect(again?.fromDatabase).toBe(0)
  const agreed = await place.run(['audit', 'pages', '--recheck-after', '50'])
  expect(agreed.code).toBe(0)
  expect(agreed.out).toMatch(/4 agree, 0 disagree/)
  expect(agreed.out).toMatch(/listing of pages: agrees/)
  await writePast(place, 'a', 'new')
  const [report] = (await place.values('audit', 'pages', '--recheck-after', '50')) as {
    disagreeing: { kind: string; resource: string }[]
  }[]
  expect(report?.disagreeing.map(({ kind, resource }) => [kind, resource])).toEqual([['older', 'a']])
  expect((await place.run(['audit', 'pages', '--recheck-after', '50'])).code).toBe(5)
  const stats = await place.run(['stats'])
  expect(stats.code).toBe(0)
  expect(stats.out).toMatch(/memcached \d.*items.*evicted/)
  place.env['MEMCACHE_SERVERS'] = '127.0.0.1:1'
  expect((await place.run(['stats'])).code).toBe(1)
  const cold = await place.run(['warm', 'pages'])
  expect(cold.code).toBe(1)
  expect(cold.err).toMatch(/calls? to the cache failed/)
})

test('relay runs until it is stopped and reports the repaired rows', async () => {
  await using place = await Workplace.open()
  await place.run(['migrate'])
  await writePast(place, 'a', 'new')
  const relay = place.start(['relay', '--interval', '20', '--after', '1'])
  await relay.said('The relay runs.')
  await using storage = await SqlStorage.open({ url: String(place.env['DATABASE_URL']) })
  const look = () => storage.claim({ olderThanMs: 0 }, async () => [])
  while ((await look()) > 0) await new Promise((resolve) => setTimeout(resolve, 50))
  relay.kill('SIGTERM')
  const { code, out } = await relay.ended
  expect(code).toBe(143)
  expect(out).toMatch(/^1 write set right/)
  expect((await place.run(['relay', '--for', '0.1', '--json'])).out).toEqual(
    '{"relayed":0,"cacheErrors":0}\n',
  )
})

test('purge deletes the rows of removed resources and reports their number', async () => {
  await using place = await Workplace.open()
  await place.run(['migrate'])
  await place.run(['put', 'pages', 'a'], 'x')
  await place.run(['rm', 'pages', 'a'])
  expect((await place.run(['purge'])).out).toMatch(/^0 tombstones, 0 replaced contents, 0 records removed/)
  const [purged] = await place.values('purge', '--tombstones', '0.0000001')
  expect(purged).toEqual({ tombstones: 1, contents: 0, changes: 0 })
  expect((await place.run(['purge', '--tombstones', 'x'])).code).toBe(2)
})

test('restored empties the servers unless the cache is refused, and asks for servers', async () => {
  await using place = await Workplace.open()
  await place.run(['migrate'])
  await place.run(['put', 'pages', 'a'], 'x')
  const past = await place.run(['restored', '--no-cache', '--raise-by', '10'])
  expect(past.code).toBe(0)
  expect(past.out).toMatch(/^1 resource raised$/m)
  place.env['MEMCACHE_SERVERS'] = '127.0.0.1:1'
  const failed = await place.run(['restored'])
  expect(failed.code).toBe(1)
  expect(failed.err).toMatch(/versions are raised, but these servers did not answer: 127.0.0.1:1/)
  place.env['MEMCACHE_SERVERS'] = ''
  expect((await place.run(['restored'])).code).toBe(2)
})

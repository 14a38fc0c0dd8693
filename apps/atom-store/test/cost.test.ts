import { MemoryStorage, type PartStream, type ResourceInfo, type Storage } from '@larder/storage-core'
import { FaultyStorage } from '@larder/storage-core/testing'
import { expect, test } from 'vitest'
import { entryXml, linkOf, rootOf, titlesOf } from './support/documents.js'
import { ENTRY, newInstance } from './support/server.js'

const PLAIN = { 'Accept-Encoding': 'identity' }

test('a page is one listing and one batch of entries, wherever it is', async () => {
  const storage = new FaultyStorage(new MemoryStorage())
  const instance = await newInstance({ storage, config: { pageSize: 4 } })
  for (let i = 0; i < 12; i++) await instance.post('/blog', ENTRY, entryXml(`n${i}`))
  let href: string | undefined = '/blog'
  for (const titles of [
    ['n11', 'n10', 'n9', 'n8'],
    ['n7', 'n6', 'n5', 'n4'],
    ['n3', 'n2', 'n1', 'n0'],
  ]) {
    storage.forgetCalls()
    const { text } = await instance.get(href ?? '')
    expect(titlesOf(text)).toEqual(titles)
    expect(storage.calls.map(({ method }) => method)).toEqual(['page', 'getMany'])
    href = linkOf(rootOf(text), 'next')
  }
  expect(href).toBeUndefined()
  storage.forgetCalls()
  await instance.get('/blog/n3')
  expect(storage.calls.map(({ method }) => method)).toEqual(['getMetaData'])
})

test('a search reads twice as many each time, and ends after ten', async () => {
  const storage = new FaultyStorage(new MemoryStorage())
  const instance = await newInstance({ storage, config: { pageSize: 1 } })
  const blog = instance.store.collection('blog')!
  for (let i = 0; i < 1_100; i++) await storage.putMetaData(blog.info(`n${i}`), '{}')
  storage.forgetCalls()
  const { entries, next } = await blog.page({}, { isRare: true, isShown: () => false })
  expect(entries).toEqual([])
  expect(storage.calls.filter(({ method }) => method === 'page')).toHaveLength(10)
  // 1 + 2 + 4 ... + 512 of them were looked at.
  const rest = await blog.page(next, { limit: 1_000 })
  expect(rest.entries.map(({ name }) => name)).toEqual(Array.from({ length: 77 }, (_, i) => `n${76 - i}`))
})

test('media and its entry are written in one step', async () => {
  const storage = new FaultyStorage(new MemoryStorage())
  const instance = await newInstance({ storage })
  await instance.post('/pictures', 'image/png', 'x', { Slug: 'p' })
  await instance.put('/pictures/p/media', 'image/png', 'y')
  await instance.call('DELETE', '/pictures/p')
  const writes = storage.calls
    .map(({ method }) => method)
    .filter((method) => /^(?:put|remove|persist)/.test(method))
  expect(writes).toEqual(['put', 'persist', 'put', 'persist', 'remove', 'persist'])
})

test('the tag of media that was replaced is that of the write, and not read behind it', async () => {
  const storage = new FaultyStorage(new MemoryStorage())
  const instance = await newInstance({ storage })
  await instance.post('/pictures', 'image/png', 'x', { Slug: 'p' })
  const gate = storage.pauseNextWrite({ at: 'after' })
  const mine = instance.put('/pictures/p/media', 'image/png', 'mine')
  await gate.reached
  const theirs = await instance.put('/pictures/p/media', 'image/png', 'theirs')
  gate.open()
  const mistaken = { 'If-Match': (await mine).headers.get('etag') ?? '' }
  expect(mistaken['If-Match']).not.toBe(theirs.headers.get('etag'))
  expect((await instance.put('/pictures/p/media', 'image/png', 'again', mistaken)).status).toBe(412)
})

test('an entry that is edited between listing and batch comes first on the page', async () => {
  let now = 1_700_000_000_000
  const storage = new FaultyStorage(new MemoryStorage({ now: () => (now += 1_000) }))
  const instance = await newInstance({ storage })
  for (const title of ['a', 'b', 'c']) await instance.post('/blog', ENTRY, entryXml(title))
  const gate = storage.pauseNextListing()
  const feed = instance.get('/blog')
  await gate.reached
  const edited = instance.put('/blog/a', ENTRY, entryXml('a'))
  expect((await edited).status).toBe(200)
  gate.open()
  expect(titlesOf((await feed).text)).toEqual(['a', 'c', 'b'])
})

test('entries of the same millisecond keep their order from both ends', async () => {
  const storage = new MemoryStorage({ now: () => 1_700_000_000_000 })
  const instance = await newInstance({ storage })
  for (const title of ['a', 'b', 'c']) await instance.post('/blog', ENTRY, entryXml(title))
  for (const path of ['/blog', '/blog?last=']) {
    expect(titlesOf((await instance.get(path)).text)).toEqual(['c', 'b', 'a'])
  }
})

test('media that was read before a replacement is not taken for the replaced media', async () => {
  const durable = new MemoryStorage()
  let outdated: PartStream | undefined
  let opened = 0
  // The entry is read from the database, and its media from a cache that does not know of the write yet.
  const storage = new Proxy<Storage>(durable, {
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key)
      if (typeof value !== 'function') return value
      if (key !== 'openContent') return value.bind(target) as unknown
      return (info: ResourceInfo) => (opened++ === 0 && outdated ? outdated : target.openContent(info))
    },
  })
  const instance = await newInstance({ storage })
  for (const write of ['put', 'delete'] as const) {
    const { headers } = await instance.post('/pictures', 'image/png', 'x', { Slug: write, ...PLAIN })
    const ifMatch = { 'If-Match': headers.get('etag') ?? '' }
    const info = durable.info('atom.pictures', write)
    outdated = { ...(await durable.openContent(info)), stream: ReadableStream.from([Buffer.from('x')]) }
    await instance.put(`/pictures/${write}/media`, 'image/png', 'theirs')
    opened = 0
    const answer = await (write === 'put'
      ? instance.put('/pictures/put/media', 'image/png', 'mine', ifMatch)
      : instance.call('DELETE', '/pictures/delete/media', ifMatch))
    expect(answer.status).toBe(412)
    expect((await instance.get(`/pictures/${write}/media`)).text).toBe('theirs')
  }
})

test('media that is replaced while its type is read has its new type', async () => {
  const storage = new FaultyStorage(new MemoryStorage())
  const instance = await newInstance({ storage })
  await instance.post('/pictures', 'image/png', 'png', { Slug: 'p' })
  const gate = storage.pauseNextRead()
  const got = instance.get('/pictures/p/media')
  await gate.reached
  await instance.put('/pictures/p/media', 'image/jpeg', 'jpeg')
  gate.open()
  const { headers, text } = await got
  expect([headers.get('content-type'), text]).toEqual(['image/jpeg', 'jpeg'])
})

test('one of two concurrent replacements of media is refused with a conflict', async () => {
  const storage = new FaultyStorage(new MemoryStorage())
  const instance = await newInstance({ storage })
  await instance.post('/pictures', 'image/png', 'x', { Slug: 'p' })
  const ifMatch = { 'If-Match': (await instance.get('/pictures/p/media')).headers.get('etag') ?? '' }
  const gate = storage.pauseNextWrite()
  const slow = instance.put('/pictures/p/media', 'image/png', 'slow', ifMatch)
  await gate.reached
  expect((await instance.put('/pictures/p/media', 'image/png', 'fast', ifMatch)).status).toBe(204)
  gate.open()
  expect((await slow).status).toBe(412)
  expect((await instance.get('/pictures/p/media')).text).toBe('fast')
})

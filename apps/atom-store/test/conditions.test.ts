import { MemoryStorage } from '@larder/storage-core'
import { describe, expect, test } from 'vitest'
import { entryXml } from './support/documents.js'
import { ENTRY, type Instance, newInstance } from './support/server.js'

const PLAIN = { 'Accept-Encoding': 'identity' }

async function withEntry(instance: Instance): Promise<string> {
  const { headers } = await instance.post('/blog', ENTRY, entryXml('x'), { Slug: 'x', ...PLAIN })
  return headers.get('etag') ?? ''
}

describe('conditional requests', () => {
  test('a version that the client has is not sent again', async () => {
    const instance = await newInstance()
    const etag = await withEntry(instance)
    for (const known of [etag, `"other", ${etag}`, `"with,a,comma",, ${etag}`, `W/${etag}`, '*']) {
      const headers = { 'If-None-Match': known, ...PLAIN }
      const answer = await instance.get('/blog/x', headers)
      expect([answer.status, answer.text, answer.headers.get('etag')], known).toEqual([304, '', etag])
    }
    expect((await instance.get('/blog/x', { 'If-None-Match': '"other"' })).status).toBe(200)
    expect((await instance.get('/blog/x', { 'If-None-Match': 'no tag' })).status).toBe(400)
  })

  test('only the version that the client means is replaced or removed', async () => {
    const instance = await newInstance()
    const old = await withEntry(instance)
    const put = await instance.put('/blog/x', ENTRY, entryXml('y'), { 'If-Match': old })
    const etag = put.headers.get('etag') ?? ''
    for (const outdated of [old, '"other"', `W/${etag}`]) {
      const answers = [
        await instance.put('/blog/x', ENTRY, entryXml('z'), { 'If-Match': outdated }),
        await instance.call('DELETE', '/blog/x', { 'If-Match': outdated }),
      ]
      expect(answers.map(({ status }) => status)).toEqual([412, 412])
    }
    expect((await instance.get('/blog/x')).headers.get('etag')).toBe(etag)
    expect(
      (await instance.put('/blog/x', ENTRY, entryXml('z'), { 'If-Match': `"other", ${etag}` })).status,
    ).toBe(200)
    expect((await instance.put('/blog/x', ENTRY, entryXml('z'), { 'If-Match': '*' })).status).toBe(200)
    expect((await instance.put('/blog/x', ENTRY, entryXml('z'), { 'If-None-Match': '*' })).status).toBe(412)
    expect((await instance.call('DELETE', '/blog/x', { 'If-Match': '*' })).status).toBe(204)
  })

  test('a GET may ask for one version alone', async () => {
    const instance = await newInstance()
    await withEntry(instance)
    await instance.post('/pictures', 'image/png', 'one', { Slug: 'x' })
    for (const path of ['/blog/x', '/pictures/x/media']) {
      const etag = (await instance.get(path, PLAIN)).headers.get('etag') ?? ''
      expect((await instance.get(path, { 'If-Match': `"other", ${etag}` })).status).toBe(200)
      expect((await instance.get(path, { 'If-Match': '"other"' })).status).toBe(412)
    }
  })

  test('a PUT may ask that one version is not there', async () => {
    const instance = await newInstance()
    const etag = await withEntry(instance)
    const statusOf = async (path: string, tag: string) =>
      (await instance.put(path, ENTRY, entryXml('y'), { 'If-None-Match': tag })).status
    expect(await statusOf('/blog/x', etag)).toBe(412)
    expect(await statusOf('/blog/x', '"other"')).toBe(200)
    // Where nothing is it is that which counts: entries are posted.
    expect(await statusOf('/blog/nobody', '*')).toBe(404)
  })

  test('times count where there are no tags, and not before their second is over', async () => {
    const hour = 3_600_000
    let now = Math.floor(Date.now() / 1_000) * 1_000 - hour + 300
    const instance = await newInstance({ storage: new MemoryStorage({ now: () => now }) })
    await withEntry(instance)
    await instance.post('/pictures', 'image/png', 'one', { Slug: 'x' })
    const paths = ['/blog/x', '/pictures/x/media']
    for (const path of paths) {
      const time = (await instance.get(path)).headers.get('last-modified') ?? ''
      expect(Date.parse(time)).toBe(now - 300)
      const earlier = new Date(now - 5_000).toUTCString()
      const get = (headers: Record<string, string>) => instance.get(path, headers)
      expect((await get({ 'If-Modified-Since': time })).status).toBe(304)
      expect((await get({ 'If-Modified-Since': earlier })).status).toBe(200)
      expect((await get({ 'If-Modified-Since': 'yesterday' })).status).toBe(200)
      expect((await get({ 'If-Modified-Since': time, 'If-None-Match': '"other"' })).status).toBe(200)
      expect((await get({ 'If-Unmodified-Since': time })).status).toBe(200)
      expect((await get({ 'If-Unmodified-Since': earlier })).status).toBe(412)
    }
    const [time, earlier] = [new Date(now).toUTCString(), new Date(now - 5_000).toUTCString()]
    const writes = async (date: string) => [
      (await instance.put('/blog/x', ENTRY, entryXml('y'), { 'If-Unmodified-Since': date })).status,
      (await instance.put('/pictures/x/media', 'image/png', 'y', { 'If-Unmodified-Since': date })).status,
      (await instance.call('DELETE', '/pictures/x/media', { 'If-Unmodified-Since': date })).status,
    ]
    expect(await writes(earlier)).toEqual([412, 412, 412])
    expect(await writes(time)).toEqual([200, 204, 204])
    // What was written in this second may be written in it once more.
    now += hour + 10_000
    await instance.put('/blog/x', ENTRY, entryXml('z'))
    expect((await instance.get('/blog/x')).headers.has('last-modified')).toBe(false)
  })

  test('media and its entry have separate versions', async () => {
    const instance = await newInstance()
    const created = await instance.post('/pictures', 'image/png', 'one', { Slug: 'x' })
    const first = created.headers.get('etag') ?? ''
    const edited = await instance.put('/pictures/x', ENTRY, created.text, { 'If-Match': first })
    expect(edited.status).toBe(200)
    // The media has not been replaced since.
    const put = await instance.put('/pictures/x/media', 'image/png', 'two', { 'If-Match': first })
    expect(put.status).toBe(204)
    const outdated = await instance.put('/pictures/x/media', 'image/png', 'three', { 'If-Match': first })
    const gone = await instance.call('DELETE', '/pictures/x/media', { 'If-Match': first })
    const entry = await instance.put('/pictures/x', ENTRY, created.text, {
      'If-Match': edited.headers.get('etag') ?? '',
    })
    expect([outdated.status, gone.status, entry.status]).toEqual([412, 412, 412])
    expect((await instance.get('/pictures/x/media')).text).toBe('two')
    const tag = put.headers.get('etag') ?? ''
    expect((await instance.call('DELETE', '/pictures/x/media', { 'If-Match': tag })).status).toBe(204)
    expect((await instance.get('/pictures/x')).status).toBe(404)
  })

  test('a condition can be asked for', async () => {
    const instance = await newInstance({ config: { requireConditions: true } })
    const etag = await withEntry(instance)
    const media = await instance.post('/pictures', 'image/png', 'one', { Slug: 'x' })
    const answers = [
      await instance.put('/blog/x', ENTRY, entryXml('y')),
      await instance.call('DELETE', '/blog/x'),
      await instance.put('/pictures/x/media', 'image/png', 'y'),
      await instance.call('DELETE', '/pictures/x/media'),
    ]
    expect(answers.map(({ status }) => status)).toEqual([428, 428, 428, 428])
    expect(media.status).toBe(201)
    expect((await instance.put('/blog/x', ENTRY, entryXml('y'), { 'If-Match': etag })).status).toBe(200)
  })

  test('a feed page changes its tag with its entries, and no sooner', async () => {
    const instance = await newInstance()
    await withEntry(instance)
    const { headers } = await instance.get('/blog')
    const known = { 'If-None-Match': headers.get('etag') ?? '' }
    expect((await instance.get('/blog', known)).status).toBe(304)
    await instance.put('/blog/x', ENTRY, entryXml('y'))
    expect((await instance.get('/blog', known)).status).toBe(200)
  })

  test('the gzip form of a version has another tag, which is accepted too', async () => {
    const instance = await newInstance()
    const body = entryXml('x'.repeat(2_000))
    const { headers } = await instance.post('/blog', ENTRY, body, {
      Slug: 'x',
      'Accept-Encoding': 'identity',
    })
    const plain = headers.get('etag') ?? ''
    const zipped = await instance.get('/blog/x', { 'Accept-Encoding': 'gzip' })
    const tag = zipped.headers.get('etag') ?? ''
    expect(zipped.headers.get('content-encoding')).toBe('gzip')
    expect(zipped.headers.get('vary')).toContain('Accept-Encoding')
    expect(zipped.text).toContain('x'.repeat(2_000))
    expect([tag === plain, tag.startsWith('W/')]).toEqual([false, false])
    const known = await instance.get('/blog/x', { 'If-None-Match': tag })
    expect([known.status, known.headers.get('etag')]).toEqual([304, tag])
    expect((await instance.put('/blog/x', ENTRY, body, { 'If-Match': tag })).status).toBe(200)
    expect((await instance.put('/blog/x', ENTRY, body, { 'If-Match': tag })).status).toBe(412)
    const feed = await instance.get('/blog', { 'Accept-Encoding': 'gzip' })
    expect(feed.headers.get('content-encoding')).toBe('gzip')
  })
})

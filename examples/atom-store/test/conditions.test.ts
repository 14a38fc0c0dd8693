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
    for (const known of [etag, `"other", ${etag}`, `W/${etag}`, '*']) {
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

  test('media and its entry have versions of their own', async () => {
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

  test('the same version in gzip has a tag of its own, which is as good', async () => {
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

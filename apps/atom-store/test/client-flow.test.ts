import { expect, test } from 'vitest'
import { childrenOf, editedOf, entryXml, linkOf, rootOf, titlesOf, wordOf } from './support/documents.js'
import { ENTRY, newInstance } from './support/server.js'

test('a client finds its way from the service document, and its entries newest edited first', async () => {
  const instance = await newInstance()
  const service = await instance.get('/service')
  expect(service.headers.get('content-type')).toMatch('application/atomsvc+xml')
  const hrefs = Array.from(service.text.matchAll(/<collection href="([^"]+)"/g), ([, href]) => href)
  const blog = hrefs.find((href) => href?.endsWith('/blog')) ?? ''

  const locations: string[] = []
  for (const slug of ['one', 'two', 'three']) {
    const created = await instance.post(blog, ENTRY, entryXml(slug), { Slug: slug })
    expect(created.status).toBe(201)
    const location = created.headers.get('location') ?? ''
    expect(location).toBe(`${blog}/${slug}`)
    expect(created.headers.get('content-location')).toBe(location)
    const member = await instance.get(location)
    expect(member.text).toBe(created.text)
    expect(member.headers.get('etag')).toBe(created.headers.get('etag'))
    expect(linkOf(rootOf(member.text), 'edit')).toBe(location)
    locations.push(location)
  }
  expect(titlesOf((await instance.get(blog)).text)).toEqual(['three', 'two', 'one'])

  const [one = ''] = locations
  const before = await instance.get(one)
  const etag = before.headers.get('etag') ?? ''
  const put = await instance.put(one, ENTRY, before.text.replace('about one', 'more about one'), {
    'If-Match': etag,
  })
  expect(put.status).toBe(200)
  expect(put.headers.get('etag')).not.toBe(etag)
  const [old, edited] = [rootOf(before.text), rootOf(put.text)]
  expect(wordOf(edited, 'content')).toBe('more about one')
  for (const name of ['id', 'published', 'updated']) expect(wordOf(edited, name)).toBe(wordOf(old, name))
  expect(Date.parse(editedOf(edited) ?? '')).toBeGreaterThanOrEqual(Date.parse(editedOf(old) ?? ''))
  expect(titlesOf((await instance.get(blog)).text)).toEqual(['one', 'three', 'two'])

  expect((await instance.call('DELETE', one)).status).toBe(204)
  expect((await instance.get(one)).status).toBe(404)
  expect(titlesOf((await instance.get(blog)).text)).toEqual(['three', 'two'])
  expect(instance.faults).toEqual([])
})

test('media has an entry that tells where it is, and both can be edited', async () => {
  const instance = await newInstance()
  const created = await instance.post('/pictures', 'image/png', 'not really', { Slug: 'A sunset' })
  expect(created.status).toBe(201)
  const entry = rootOf(created.text)
  expect(wordOf(entry, 'title')).toBe('A sunset')
  const edit = linkOf(entry, 'edit') ?? ''
  const media = linkOf(entry, 'edit-media') ?? ''
  expect(edit).toBe(created.headers.get('location'))
  const [content] = childrenOf(entry, 'content')
  expect([content?.getAttribute('type'), content?.getAttribute('src')]).toEqual(['image/png', media])
  const got = await instance.get(media)
  expect([got.text, got.headers.get('content-type')]).toEqual(['not really', 'image/png'])
  await instance.post('/pictures', 'image/png', 'another', { Slug: 'another' })

  const described = created.text.replace('<summary/>', '<summary>At sea</summary>')
  const update = await instance.put(edit, ENTRY, described, { 'If-Match': created.headers.get('etag') ?? '' })
  expect([update.status, wordOf(rootOf(update.text), 'summary')]).toEqual([200, 'At sea'])
  // The media is as it was.
  expect((await instance.get(media, { 'If-None-Match': got.headers.get('etag') ?? '' })).status).toBe(304)

  const replaced = await instance.put(media, 'image/jpeg', 'brighter', {
    'If-Match': got.headers.get('etag') ?? '',
  })
  expect(replaced.status).toBe(204)
  const now = await instance.get(media)
  expect([now.text, now.headers.get('content-type'), now.headers.get('etag')]).toEqual([
    'brighter',
    'image/jpeg',
    replaced.headers.get('etag'),
  ])
  const after = await instance.get(edit)
  expect(after.headers.get('etag')).not.toBe(update.headers.get('etag'))
  expect(wordOf(rootOf(after.text), 'summary')).toBe('At sea')
  expect(childrenOf(rootOf(after.text), 'content')[0]?.getAttribute('type')).toBe('image/jpeg')
  expect(titlesOf((await instance.get('/pictures')).text)).toEqual(['A sunset', 'another'])

  expect((await instance.call('DELETE', edit)).status).toBe(204)
  expect([(await instance.get(edit)).status, (await instance.get(media)).status]).toEqual([404, 404])
  expect(instance.faults).toEqual([])
})

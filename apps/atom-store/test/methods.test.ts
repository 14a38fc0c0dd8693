import { describe, expect, test } from 'vitest'
import { entryXml } from './support/documents.js'
import { servePages } from './support/pages.js'
import { ENTRY, newInstance } from './support/server.js'

const READING = 'GET, HEAD, OPTIONS'

describe('what is possible at an address', () => {
  test.each([
    ['/', READING],
    ['/service', READING],
    ['/blog', `${READING}, POST`],
    ['/blog/x', `${READING}, PUT, DELETE`],
    ['/pictures/x/media', `${READING}, PUT, DELETE`],
    ['/archive', READING],
    ['/archive/x', READING],
  ])('%s', async (path, allow) => {
    const instance = await newInstance()
    const options = await instance.call('OPTIONS', path)
    expect([options.status, options.headers.get('allow')]).toEqual([204, allow])
    for (const method of ['PATCH', 'POST', 'PUT', 'DELETE']) {
      if (allow.includes(method)) continue
      const answer = await instance.call(method, path)
      expect([method, answer.status, answer.headers.get('allow')]).toEqual([method, 405, allow])
    }
  })

  test('nothing, where nothing is', async () => {
    const instance = await newInstance()
    for (const path of ['/nowhere', '/nowhere/x', '/nowhere/x/media', '/blog/x/media/y'])
      for (const method of ['OPTIONS', 'PATCH', 'POST', 'GET'])
        expect((await instance.call(method, path)).status, `${method} ${path}`).toBe(404)
  })

  test('HEAD answers as GET, without a body', async () => {
    const instance = await newInstance()
    await instance.post('/blog', ENTRY, entryXml('x'), { Slug: 'x' })
    await instance.post('/pictures', 'image/png', 'x', { Slug: 'x' })
    for (const path of ['/', '/service', '/blog', '/blog/x', '/pictures/x/media', '/blog/y', '/nowhere']) {
      const options = { 'Accept-Encoding': 'identity' }
      const [head, get] = [await instance.call('HEAD', path, options), await instance.get(path, options)]
      expect([head.status, head.text]).toEqual([get.status, ''])
      for (const name of ['etag', 'content-type', 'cache-control'])
        expect(head.headers.get(name)).toBe(get.headers.get(name))
    }
  })

  test('pages and forms too', async () => {
    const [url = ''] = await servePages()
    const paths = ['/', '/pages/search?q=plums', '/pages/statistics', '/pages/style.css']
    const forms = ['new', 'upload', 'a-jar-of-plums/edit', 'a-jar-of-plums/media', 'a-jar-of-plums/delete']
    const all = [...paths, '/pages/journal/new', ...forms.slice(1).map((form) => `/pages/pictures/${form}`)]
    for (const path of all) {
      const head = await fetch(`${url}${path}`, { method: 'HEAD', headers: { Accept: 'text/html' } })
      expect([path, head.status, await head.text()]).toEqual([path, 200, ''])
    }
    expect((await fetch(`${url}/pages/journal/new`, { method: 'OPTIONS' })).headers.get('allow')).toBe(
      `${READING}, POST`,
    )
    expect((await fetch(`${url}/pages/search`, { method: 'DELETE' })).status).toBe(405)
  })
})

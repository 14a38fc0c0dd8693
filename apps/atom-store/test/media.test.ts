import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import { entryXml, linkOf, rootOf, titlesOf } from './support/documents.js'
import { ENTRY, type Instance, newInstance } from './support/server.js'

describe('slugs', () => {
  test.each([
    ['Sunset.PNG', 'sunset.png'],
    ['%C3%84pfel %26 Birnen', '\u{e4}pfel-birnen'],
    ['../../etc/passwd', 'etc-passwd'],
    ['%2e%2e%2f%2e%2e%2fother', 'other'],
    ['a%00b', 'a-b'],
    ['..', ''],
    ['media/../..', 'media'],
    ['100%', '100'],
    ['x'.repeat(300), 'x'.repeat(80)],
    // UTF-8 as it is: what a header can carry is a byte a character.
    [Buffer.from('\u{2603} caf\u{e9}').toString('latin1'), 'caf\u{e9}'],
    [Buffer.from('caf\u{e9}', 'latin1').toString('latin1'), 'caf\u{e9}'],
    ['e%CC%81', '\u{e9}'],
    ['%F0%9F%98%80', ''],
  ])('%s stays in its collection, as %s', async (slug, name) => {
    const instance = await newInstance()
    const { status, headers } = await instance.post('/pictures', 'image/png', 'x', { Slug: slug })
    const location = headers.get('location') ?? ''
    const last = decodeURIComponent(location.slice(`${instance.url}/pictures/`.length))
    expect(status).toBe(201)
    if (name === '') expect(last).toMatch(/^[0-9a-f]{16}$/)
    else expect(last).toBe(name)
    expect((await instance.get(location)).status).toBe(200)
    expect((await instance.get(`${location}/media`)).text).toBe('x')
  })

  test('that collide get a number, also at once', async () => {
    const instance = await newInstance()
    const posts = Array.from({ length: 12 }, (_, i) =>
      instance.post('/pictures', 'image/png', `picture ${i}`, { Slug: 'same' }),
    )
    const locations = (await Promise.all(posts)).map(({ headers }) => headers.get('location') ?? '')
    expect(new Set(locations).size).toBe(12)
    const media = await Promise.all(locations.map(async (each) => (await instance.get(`${each}/media`)).text))
    expect(media).toEqual(Array.from({ length: 12 }, (_, i) => `picture ${i}`))
    for (const name of ['same', 'same-2', 'same-9'])
      expect(locations).toContain(`${instance.url}/pictures/${name}`)
  })

  test('names that nobody could have given are not there', async () => {
    const instance = await newInstance()
    for (const name of ['..%2Fblog', 'a%00', '%F0%9F', 'a%2Fb'])
      expect((await instance.get(`/pictures/${name}`)).status, name).toBe(404)
  })
})

describe('media', () => {
  test('is served with its own type, and never as active content', async () => {
    const instance = await newInstance()
    const svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    await instance.post('/pictures', 'image/svg+xml', svg, { Slug: 'x' })
    expect((await instance.get('/pictures/x/media')).text).toBe(svg)
    // XHTML in XML could act as well.
    for (const path of ['/pictures/x/media', '/pictures/x', '/pictures']) {
      const { headers } = await instance.get(path)
      expect(headers.get('content-security-policy')).toBe("default-src 'none'; sandbox")
      expect(headers.get('x-content-type-options')).toBe('nosniff')
    }
    const head = await instance.call('HEAD', '/pictures/x/media', { 'Accept-Encoding': 'identity' })
    expect([head.status, head.text, head.headers.get('content-length')]).toEqual([
      200,
      '',
      String(svg.length),
    ])
  })

  test('keeps the parameters of its type', async () => {
    const instance = await newInstance()
    const type = 'TEXT/Plain; charset=iso-8859-1'
    const { text } = await instance.post('/pictures', type, Buffer.from('\u{e9}', 'latin1'), { Slug: 'x' })
    expect(text).toContain('<content type="text/plain;charset=iso-8859-1"')
    const { headers } = await instance.get('/pictures/x/media')
    expect(headers.get('content-type')).toBe('text/plain;charset=iso-8859-1')
  })

  test('is returned unchanged and complete', async () => {
    const instance = await newInstance()
    const zipped = await instance.post('/pictures', 'text/plain', 'x', { 'Content-Encoding': 'gzip' })
    expect([zipped.status, zipped.headers.get('accept-encoding')]).toEqual([415, 'identity'])
    await instance.post('/pictures', 'text/plain', 'whole', { Slug: 'x' })
    const part = { 'Content-Range': 'bytes 0-0/5' }
    expect((await instance.put('/pictures/x/media', 'text/plain', 'W', part)).status).toBe(400)
    expect((await instance.get('/pictures/x/media')).text).toBe('whole')
    expect(titlesOf((await instance.get('/pictures')).text)).toEqual(['x'])
  })

  test('may be empty', async () => {
    const instance = await newInstance()
    await instance.post('/pictures', 'text/plain', '', { Slug: 'x' })
    const { status, text } = await instance.get('/pictures/x/media', { Range: 'bytes=0-1' })
    expect([status, text]).toEqual([200, ''])
  })

  test('is streamed when it is large and when its length is unknown', async () => {
    const instance = await newInstance()
    const large = Buffer.alloc(3_000_000, 'larder ')
    const created = await instance.post('/pictures', 'image/png', large, { Slug: 'large' })
    expect(created.status).toBe(201)
    const media = linkOf(rootOf(created.text), 'edit-media') ?? ''
    expect((await instance.get(media)).text).toBe(large.toString())
    const chunks = () => ReadableStream.from([Buffer.from('a'), Buffer.from('b')])
    const chunked = await instance.post('/pictures', 'image/png', chunks(), { Slug: 'chunked' })
    const address = linkOf(rootOf(chunked.text), 'edit-media') ?? ''
    expect((await instance.get(address)).text).toBe('ab')
    expect((await instance.put(address, 'image/png', large)).status).toBe(204)
    expect((await instance.get(address)).text).toBe(large.toString())
  })

  test('that is too large is refused, and leaves nothing', async () => {
    const instance = await newInstance({ config: { maxMediaBytes: 2_000_000, maxEntryBytes: 2_000 } })
    const large = Buffer.alloc(2_000_001, 'x')
    const bodies = [large, ReadableStream.from([large.subarray(1), Buffer.from('xx')])]
    // It may hang up on whoever goes on sending.
    const statusOf = (call: Promise<{ status: number }>) =>
      call.then(
        ({ status }) => status,
        () => 'hung up',
      )
    for (const body of bodies) {
      expect([413, 'hung up']).toContain(await statusOf(instance.post('/pictures', 'image/png', body)))
    }
    expect((await instance.post('/blog', ENTRY, entryXml('x'.repeat(2_000)))).status).toBe(413)
    const chunked = ReadableStream.from([Buffer.from(entryXml('x'.repeat(2_000)))])
    expect((await instance.post('/blog', ENTRY, chunked)).status).toBe(413)
    for (const path of ['/pictures', '/blog']) expect(titlesOf((await instance.get(path)).text)).toEqual([])
  })

  test('without a length is refused', async () => {
    const instance = await newInstance()
    const request =
      'POST /pictures HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nConnection: close\r\n\r\n'
    expect(await raw(instance, request)).toMatch(/^HTTP\/1.1 411 /)
    const put =
      'PUT /blog/x HTTP/1.1\r\nHost: x\r\nContent-Type: application/atom+xml\r\nConnection: close\r\n\r\n'
    expect(await raw(instance, put)).toMatch(/^HTTP\/1.1 411 /)
  })

  test.each(['Content-Length: 2000000', 'Content-Length: 10', 'Transfer-Encoding: chunked'])(
    'whose sender disconnects is not stored: %s',
    async (length) => {
      const instance = await newInstance()
      const socket = connect(Number(new URL(instance.url).port), '127.0.0.1')
      const body = length.startsWith('Transfer') ? '5\r\nfirst\r\n' : 'first'
      const head = `POST /pictures HTTP/1.1\r\nHost: x\r\nSlug: cut\r\nContent-Type: image/png\r\n${length}\r\n\r\n`
      socket.write(head + body)
      await once(socket, 'connect')
      socket.end()
      socket.resume()
      await once(socket, 'close')
      expect(instance.faults).toEqual([])
      // What comes later would find the name taken.
      const { headers } = await instance.post('/pictures', 'image/png', 'whole', { Slug: 'cut' })
      expect(headers.get('location')).toBe(`${instance.url}/pictures/cut`)
      expect(titlesOf((await instance.get('/pictures')).text)).toEqual(['cut'])
    },
  )
})

describe('what a client accepts', () => {
  test.each([
    ['application/atom+xml', 200, 'application/atom+xml;type=entry;charset=utf-8'],
    ['application/atom+xml;type=entry', 200, 'application/atom+xml;type=entry;charset=utf-8'],
    ['text/xml, */*;q=0.1', 200, 'text/xml;charset=utf-8'],
    ['*/*', 200, 'application/atom+xml;type=entry;charset=utf-8'],
    ['application/atom+xml;charset=utf-8', 200, 'application/atom+xml;type=entry;charset=utf-8'],
    ['application/atom+xml;q=0.2, text/xml;q=0.3', 200, 'text/xml;charset=utf-8'],
    ['', 200, 'application/atom+xml;type=entry;charset=utf-8'],
    ['*/*;q=0', 406, 'text/plain; charset=UTF-8'],
    ['application/json', 406, 'text/plain; charset=UTF-8'],
    ['text/html', 406, 'text/plain; charset=UTF-8'],
  ])('%s', async (accept, status, type) => {
    const instance = await newInstance()
    await instance.post('/blog', ENTRY, entryXml('x'), { Slug: 'x' })
    const answer = await instance.get('/blog/x', { Accept: accept })
    expect([answer.status, answer.headers.get('content-type')]).toEqual([status, type])
    expect(answer.headers.get('vary')).toContain('Accept')
    const feed = await instance.get('/blog', { Accept: accept.replace('entry', 'feed') })
    expect(feed.status).toBe(status)
  })
})

async function raw({ url }: Instance, request: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.write(request)
  const chunks: Buffer[] = []
  for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

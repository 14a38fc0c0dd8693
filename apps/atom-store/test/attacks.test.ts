import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { entryXml } from './support/documents.js'
import { servePages } from './support/pages.js'
import { ENTRY, newInstance } from './support/server.js'

const PATIENCE_MS = 60_000
const PIPELINED = 5_000

async function connected(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  return socket
}

/** What the server sends until it ends the connection. */
async function allOf(socket: Socket): Promise<string> {
  const chunks: string[] = []
  socket.setEncoding('latin1').on('data', (chunk: string) => chunks.push(chunk))
  await once(socket, 'close')
  return chunks.join('')
}

test(
  'a connection is not read while many of its requests wait, and gets all answers later',
  async () => {
    let isBegun = (): void => undefined
    const begun = new Promise<void>((resolve) => (isBegun = resolve))
    let release = (): void => undefined
    const gate = new Promise<void>((resolve) => (release = resolve))
    const hooks = {
      beforeCreate: async () => {
        isBegun()
        await gate
      },
    }
    const instance = await newInstance({ hooks: [hooks] })
    const socket = await connected(instance.url)
    const body = entryXml('x')
    socket.write(
      `POST /blog HTTP/1.1\r\nHost: x\r\nContent-Type: ${ENTRY}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )
    const request = `OPTIONS /service HTTP/1.1\r\nHost: x\r\nX-Padding: ${'x'.repeat(8_000)}\r\n`
    for (let i = 1; i < PIPELINED; i++) socket.write(`${request}\r\n`)
    socket.write(`${request}Connection: close\r\n\r\n`)
    await begun
    for (let i = 0; i < 100; i++) expect((await instance.get('/service')).status).toBe(200)
    expect(socket.writableLength).toBeGreaterThan(10_000_000)
    release()
    const answers = await allOf(socket)
    expect(answers.match(/HTTP\/1\.1 20\d/g)?.length).toBe(PIPELINED + 1)
  },
  PATIENCE_MS,
)

test(
  'clients that leave with requests waiting do not close the connections of others',
  async () => {
    const { url } = await newInstance()
    for (let i = 0; i < 12; i++) {
      const socket = await connected(url)
      socket.write('OPTIONS /service HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1_000))
      await once(socket, 'data')
      socket.destroy()
    }
    const socket = await connected(url)
    const requests = 'OPTIONS /service HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1_000)
    socket.write(`${requests}OPTIONS /service HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    expect((await allOf(socket)).match(/HTTP\/1\.1 204/g)?.length).toBe(1_001)
  },
  PATIENCE_MS,
)

describe('an entry that would cost much is answered at once', () => {
  const list = (count: number, each: (index: number) => string): string =>
    Array.from({ length: count }, (_, index) => each(index)).join('')
  test.each([
    [
      'a title of signs that begin tags',
      entryXml('x').replace('<title>', `<title type="html">${'&lt;'.repeat(200_000)}`),
      201,
    ],
    [
      'a summary of such signs',
      entryXml('x', `<summary type="html">${'&lt;a '.repeat(100_000)}</summary>`),
      201,
    ],
    ['thousands of attributes', entryXml('x', `<y ${list(60_000, (i) => `a${i}="1" `)}/>`), 400],
    ['thousands of elements', entryXml('x', '<y/>'.repeat(200_000)), 400],
    ['elements up to the bound', entryXml('x', '<y/>'.repeat(49_000)), 201],
    ['elements nested without end', entryXml('x', '<y>'.repeat(150_000)), 400],
    ['thousands of CDATA sections', entryXml('x', `<y>${'<![CDATA[y]]>'.repeat(49_000)}</y>`), 201],
    [
      'thousands of namespaces',
      entryXml(
        'x',
        list(20_000, (i) => `<p${i}:y xmlns:p${i}="urn:${i}"/>`),
      ),
      201,
    ],
    ['thousands of categories', entryXml('x', '<category term="y"/>'.repeat(40_000)), 201],
    [
      'thousands of alternates',
      entryXml(
        'x',
        list(10_000, (i) => `<link href="/${i}" hreflang="x-${i}"/>`),
      ),
      201,
    ],
    [
      'a media type that goes on',
      entryXml('x').replace('<content>', `<content type="a/b${';a=b'.repeat(100_000)} ">`),
      400,
    ],
    ['an address of white space', entryXml('x', `<link href="${' '.repeat(500_000)}"/>`), 400],
  ] as const)(
    '%s',
    async (_, body, status) => {
      // In quadratic time each of these takes minutes.
      const instance = await newInstance({ config: { maxEntryBytes: 4_194_304 } })
      const answer = await instance.post('/blog', ENTRY, body)
      expect(answer.status, answer.text.slice(0, 200)).toBe(status)
      expect((await instance.get('/blog')).status).toBe(200)
    },
    30_000,
  )
})

test('pages show an entry that is made of signs that begin tags', async () => {
  const [url = ''] = await servePages()
  const signs = '&lt;a '.repeat(50_000)
  const body = entryXml('x').replace(/<content>.*<\/content>/, `<content type="html">${signs}</content>`)
  const created = await fetch(`${url}/journal`, { method: 'POST', headers: { 'Content-Type': ENTRY }, body })
  expect(created.status).toBe(201)
  const page = await fetch(created.headers.get('location')!, { headers: { Accept: 'text/html' } })
  expect(page.status).toBe(200)
}, 30_000)

describe('limits', () => {
  test('connections beyond maxConnections are refused', async () => {
    const { url } = await newInstance({ config: { limits: { maxConnections: 2 } } })
    const open = [await connected(url), await connected(url)]
    const refused = await connected(url)
    expect(await allOf(refused)).toBe('')
    open[0]!.write('OPTIONS /service HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    expect(await allOf(open[0]!)).toMatch(/^HTTP\/1\.1 204/)
  })

  test('a head that does not arrive in time is answered 408', async () => {
    const { url } = await newInstance({ config: { limits: { headerTimeoutMs: 50 } } })
    const socket = await connected(url)
    socket.write('GET /service HTTP/1.1\r\n')
    expect(await allOf(socket)).toMatch(/^HTTP\/1\.1 408/)
  })

  test('a body that does not arrive in time is answered 408', async () => {
    const limits = { headerTimeoutMs: 100, requestTimeoutMs: 100 }
    const { url } = await newInstance({ config: { limits } })
    const socket = await connected(url)
    socket.write(`POST /blog HTTP/1.1\r\nHost: x\r\nContent-Type: ${ENTRY}\r\nContent-Length: 10\r\n\r\n`)
    expect(await allOf(socket)).toMatch(/^HTTP\/1\.1 4\d\d/)
  })

  test('a connection without a byte in idleTimeoutMs is closed', async () => {
    const { url } = await newInstance({ config: { limits: { idleTimeoutMs: 50 } } })
    expect(await allOf(await connected(url))).toBe('')
  })

  test('a head may not have more time than its request', async () => {
    const limits = { headerTimeoutMs: 200, requestTimeoutMs: 100 }
    await expect(newInstance({ config: { limits } })).rejects.toThrow(/headerTimeoutMs must not be more/)
  })
})

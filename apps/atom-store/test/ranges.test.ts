import { describe, expect, test } from 'vitest'
import { type Instance, newInstance } from './support/server.js'

const BODY = '0123456789'

async function withMedia(body: string | Buffer = BODY): Promise<Instance & { media: string; etag: string }> {
  const instance = await newInstance()
  const options = { Slug: 'x', 'Accept-Encoding': 'identity' }
  const { headers } = await instance.post('/pictures', 'text/plain', body, options)
  return { ...instance, media: `${headers.get('location')}/media`, etag: headers.get('etag') ?? '' }
}

describe('ranges of media', () => {
  test.each([
    ['bytes=2-4', '234', 'bytes 2-4/10'],
    ['bytes=0-0', '0', 'bytes 0-0/10'],
    ['bytes=7-', '789', 'bytes 7-9/10'],
    ['bytes=-3', '789', 'bytes 7-9/10'],
    ['bytes=-30', BODY, 'bytes 0-9/10'],
    ['bytes=8-80', '89', 'bytes 8-9/10'],
    ['Bytes=9-9', '9', 'bytes 9-9/10'],
  ])('%s', async (range, text, contentRange) => {
    const { media, etag, ...instance } = await withMedia()
    const answer = await instance.get(media, { Range: range })
    expect([answer.status, answer.text]).toEqual([206, text])
    const header = (name: string) => answer.headers.get(name)
    expect(header('content-range')).toBe(contentRange)
    expect([header('content-length'), header('content-type')]).toEqual([String(text.length), 'text/plain'])
    expect([header('etag'), header('accept-ranges')]).toEqual([etag, 'bytes'])
  })

  test.each(['bytes=10-', 'bytes=99-100', 'bytes=-0'])('%s lies behind the end', async (range) => {
    const { media, ...instance } = await withMedia()
    const { status, headers } = await instance.get(media, { Range: range })
    expect([status, headers.get('content-range')]).toEqual([416, 'bytes */10'])
  })

  test.each(['bytes=0-1,5-6', 'bytes=4-2', 'bytes=-', 'bytes=a-b', 'lines=1-2', 'nonsense'])(
    '%s: all of it',
    async (range) => {
      const { media, ...instance } = await withMedia()
      const { status, text, headers } = await instance.get(media, { Range: range })
      expect([status, text, headers.get('content-range')]).toEqual([200, BODY, null])
    },
  )

  test('are of the version that the client has begun with', async () => {
    const { media, etag, ...instance } = await withMedia()
    const range = async (ifRange: string) =>
      (await instance.get(media, { Range: 'bytes=1-2', 'If-Range': ifRange })).text
    expect(await range(etag)).toBe('12')
    for (const other of ['"2"', `W/${etag}`, etag.replace(/"$/, '-gzip"'), 'Sat, 21 Nov 2020 19:11:16 GMT'])
      expect(await range(other)).toBe(BODY)
    // A version that is known has not to be sent at all.
    const known = { Range: 'bytes=1-2', 'If-None-Match': etag }
    expect((await instance.get(media, known)).status).toBe(304)
  })

  test('are for GET', async () => {
    const { media, ...instance } = await withMedia()
    const { status, headers } = await instance.call('HEAD', media, { Range: 'bytes=1-2' })
    expect([status, headers.get('content-length'), headers.get('accept-ranges')]).toEqual([
      200,
      '10',
      'bytes',
    ])
  })

  test('are served of large media, and not with gzip', async () => {
    const large = Buffer.alloc(3_000_000)
    for (let i = 0; i < large.length; i += 4) large.writeUInt32BE(i, i)
    const { media } = await withMedia(large)
    const headers = { Range: 'bytes=1048570-2097160', 'Accept-Encoding': 'gzip' }
    const response = await fetch(media, { headers })
    expect([response.status, response.headers.get('content-encoding')]).toEqual([206, null])
    const bytes = Buffer.from(await response.arrayBuffer())
    expect(bytes.equals(large.subarray(1_048_570, 2_097_161))).toBe(true)
  })
})

import { FRAMEWORKS } from 'api'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:http'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { CASES, closers, databaseUrl, memcached, open, send, upload } from './support.js'

describe.each(CASES)('%s with %s', (framework, kind) => {
  test('products are made, read, changed and removed', async () => {
    const { url } = await open(framework, await databaseUrl(kind))
    const made = await fetch(`${url}/products`, send('POST', { name: 'lamp', priceCents: 1500 }))
    const path = `${url}${made.headers.get('location')}`
    expect([made.status, await made.json()]).toMatchObject([201, { name: 'lamp', version: 1 }])
    expect(await (await fetch(`${url}/products`)).json()).toMatchObject([{ name: 'lamp' }])
    const changed = await fetch(path, send('PUT', { name: 'lamp', priceCents: 900 }))
    expect([changed.status, await changed.json()]).toMatchObject([200, { priceCents: 900, version: 2 }])
    expect(await (await fetch(path)).json()).toMatchObject({ priceCents: 900 })
    expect((await fetch(path, { method: 'DELETE' })).status).toBe(204)
    expect((await fetch(path)).status).toBe(404)
    expect(await (await fetch(`${url}/products`)).json()).toEqual([])
  })

  test('what another server of the API has changed is read from then on', async () => {
    const database = await databaseUrl(kind)
    const one = await open(framework, database)
    const other = await open(framework, database)
    const made = await fetch(`${one.url}/products`, send('POST', { name: 'lamp', priceCents: 0 }))
    const path = made.headers.get('location')!
    for (let price = 1; price <= 20; price++) {
      const [writer, reader] = price % 2 === 0 ? [one, other] : [other, one]
      await fetch(writer.url + path, send('PUT', { name: 'lamp', priceCents: price }))
      expect(await (await fetch(reader.url + path)).json()).toMatchObject({ priceCents: price })
      expect(await (await fetch(`${reader.url}/products`)).json()).toMatchObject([{ priceCents: price }])
    }
  })

  test('a client that has the version gets 304, and one that changes an older one gets 412', async () => {
    const { url } = await open(framework, await databaseUrl(kind))
    const made = await fetch(`${url}/products`, send('POST', { name: 'lamp', priceCents: 1 }))
    const [path, etag] = [`${url}${made.headers.get('location')}`, made.headers.get('etag')!]
    const asked = async (at: string, tag: string) =>
      (await fetch(at, { headers: { 'if-none-match': tag } })).status
    expect([await asked(path, etag), await asked(path, '"0"')]).toEqual([304, 200])
    const list = (await fetch(`${url}/products`)).headers.get('etag')!
    expect(await asked(`${url}/products`, list)).toBe(304)
    const change = async (tag: string) =>
      (await fetch(path, send('PUT', { name: 'lamp', priceCents: 2 }, { 'if-match': tag }))).status
    expect([await change(etag), await change(etag), await change('*')]).toEqual([200, 412, 200])
    expect(await asked(`${url}/products`, list)).toBe(200)
    expect((await fetch(path, { method: 'DELETE', headers: { 'if-match': etag } })).status).toBe(412)
    expect(
      (await fetch(path, send('PUT', { name: 'lamp', priceCents: 2 }, { 'if-match': 'x' }))).status,
    ).toBe(400)
  })

  test('an invalid product is 400, and a missing one is 404', async () => {
    const { url } = await open(framework, await databaseUrl(kind))
    const statusOf = async (path: string, init?: RequestInit) => (await fetch(url + path, init)).status
    expect(await statusOf('/products', send('POST', { name: '', priceCents: 1 }))).toBe(400)
    expect(await statusOf('/products', send('POST', { name: 'lamp', priceCents: 1.5 }))).toBe(400)
    expect(await statusOf('/products/7', send('PUT', { name: 'lamp', priceCents: 1 }))).toBe(404)
    expect(await statusOf('/products/7')).toBe(404)
    expect(await statusOf('/products/7/image')).toBe(404)
    expect(await statusOf('/products/7/image', upload('x'))).toBe(404)
  })

  test('an image is streamed in and out, and a refused upload gets its 412 and not a broken connection', async () => {
    const { url } = await open(framework, await databaseUrl(kind))
    const made = await fetch(`${url}/products`, send('POST', { name: 'lamp', priceCents: 1 }))
    const image = `${url}${made.headers.get('location')}/image`
    const bytes = Buffer.alloc(3_000_000, 'pixel')
    const stored = await fetch(image, upload(bytes, { 'if-none-match': '*' }))
    const etag = stored.headers.get('etag')!
    expect(stored.status).toBe(201)
    expect(Buffer.from(await (await fetch(image)).arrayBuffer()).equals(bytes)).toBe(true)
    expect((await fetch(image, { headers: { 'if-none-match': etag } })).status).toBe(304)
    const refused = await fetch(image, upload(Buffer.alloc(20_000_000), { 'if-none-match': '*' }))
    expect([refused.status, await refused.json()]).toMatchObject([
      412,
      { error: expect.any(String) as unknown },
    ])
    expect((await fetch(image, upload('new', { 'if-match': etag }))).status).toBe(204)
    expect((await fetch(image, upload('newer', { 'if-match': etag }))).status).toBe(412)
    expect(await (await fetch(image)).text()).toBe('new')
  })

  test('a server that stops answers the upload that it has begun', async () => {
    const { url, close } = await open(framework, await databaseUrl(kind))
    const made = await fetch(`${url}/products`, send('POST', { name: 'lamp', priceCents: 1 }))
    const sending = request(`${url}${made.headers.get('location')}/image`, { method: 'PUT' })
    const answered = new Promise<number | undefined>((resolve, reject) => {
      sending.on('response', (response) => resolve(response.resume().statusCode)).on('error', reject)
    })
    await new Promise((resolve) => sending.write('first', resolve))
    const before = await fetch(`${url}/products`)
    expect(before.status).toBe(200)
    const closing = close()
    sending.end('last')
    expect(await answered).toBe(201)
    await closing
    await expect(fetch(`${url}/products`)).rejects.toThrow()
  })
})

test.each(FRAMEWORKS)('the program serves with %s until a signal ends it', async (framework) => {
  const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))
  const env = { ...process.env, MEMCACHE_SERVERS: memcached.address, DATABASE_URL: '' }
  const program = spawn(process.execPath, [main, '--framework', framework, '--port', '0'], { env })
  closers.push(() => Promise.resolve(program.kill('SIGKILL')))
  const exited = once(program, 'exit')
  let output = ''
  program.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  await expect.poll(() => output).toMatch(/http:\S+/)
  const [url = ''] = /http:\S+products/.exec(output) ?? []
  expect(await (await fetch(url)).json()).toEqual([])
  program.kill('SIGTERM')
  expect(await exited).toEqual([143, null])
})

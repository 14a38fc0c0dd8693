import { startMemcached } from '@larder/dev-servers'
import { describe, expect, test, vi } from 'vitest'
import { CASES, closers, databaseUrl, open, send } from './support.js'

test.each(CASES)(
  'with triggers %s with %s hears of a change that no program told',
  async (framework, kind) => {
    const { url, shop } = await open(framework, await databaseUrl(kind), { invalidation: 'triggers' })
    const made = await fetch(`${url}/products`, send('POST', { name: 'lamp', priceCents: 1 }))
    const path = `${url}${made.headers.get('location')}`
    const read = async () => [await (await fetch(path)).json(), await (await fetch(`${url}/products`)).json()]
    await expect.poll(read).toMatchObject([{ name: 'lamp' }, [{ name: 'lamp' }]])
    await shop.dataSource.query("UPDATE api_product SET name = 'chair'")
    await expect.poll(read).toMatchObject([{ name: 'chair' }, [{ name: 'chair' }]])
    await fetch(path, send('PUT', { name: 'table', priceCents: 1 }))
    await expect.poll(read).toMatchObject([{ name: 'table' }, [{ name: 'table' }]])
  },
)

test('with the outbox a change that no program told is not seen, as the cache still answers', async () => {
  const { url, shop } = await open('express', await databaseUrl('SQLite'))
  const made = await fetch(`${url}/products`, send('POST', { name: 'lamp', priceCents: 1 }))
  const path = `${url}${made.headers.get('location')}`
  expect(await (await fetch(path)).json()).toMatchObject({ name: 'lamp' })
  await shop.dataSource.query("UPDATE api_product SET name = 'chair'")
  expect(await (await fetch(path)).json()).toMatchObject({ name: 'lamp' })
})

describe.each(CASES)('the health of %s with %s', (framework, kind) => {
  test('a server without memcached is ready, and says which server is down', async () => {
    const mine = await startMemcached()
    closers.push(() => mine.stop())
    const { url } = await open(framework, await databaseUrl(kind), { servers: mine.address })
    const ready = async () => {
      const response = await fetch(`${url}/health/ready`)
      return [response.status, await response.json()]
    }
    expect(await ready()).toEqual([200, { database: 'up', memcached: { [mine.address]: 'up' } }])
    await mine.kill()
    expect(await ready()).toEqual([200, { database: 'up', memcached: { [mine.address]: 'down' } }])
  })

  test('a server without its database lives and is not ready', async () => {
    const { url, shop } = await open(framework, await databaseUrl(kind))
    const query = vi.spyOn(shop.dataSource, 'query').mockRejectedValue(new Error('the database is down'))
    closers.push(() => Promise.resolve(query.mockRestore()))
    const response = await fetch(`${url}/health/ready`)
    expect([response.status, await response.json()]).toMatchObject([503, { database: 'down' }])
    expect((await fetch(`${url}/health/live`)).status).toBe(200)
  })
})

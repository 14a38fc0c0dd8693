import { EventEmitter, getEventListeners } from 'node:events'
import { MemcacheClient, RemoteCache } from '@larder/memcached'
import { PATIENT, servers } from '@larder/dev-servers/vitest'
import { afterAll, beforeAll, expect, test } from 'vitest'

const cache = new RemoteCache(servers.memcached.servers, { ...PATIENT, maxQueuedCommands: 20_000 })
const client = new MemcacheClient({ cache, keyPrefix: `signals-${process.pid}:` })
const keys = Array.from({ length: 10_000 }, (_, i) => `k${i}`)
const warnings: Error[] = []
const warn = (warning: Error) => void warnings.push(warning)

beforeAll(() => {
  process.on('warning', warn)
})
afterAll(async () => {
  process.off('warning', warn)
  await cache.close()
})

test('any number of calls with one signal add one listener, and leave none', async () => {
  const { signal } = new AbortController()
  const calls = keys.map((key) => client.get(key, { signal }))
  expect(getEventListeners(signal, 'abort').length).toBe(1)
  await Promise.all(calls)
  expect(getEventListeners(signal, 'abort').length).toBe(0)
  await client.deleteMulti(keys.slice(0, 100), { signal })
  await client.namespace('n').getMulti(keys.slice(0, 100), { signal })
  expect(getEventListeners(signal, 'abort').length).toBe(0)
  expect(warnings.filter(({ name }) => name === 'MaxListenersExceededWarning')).toEqual([])
  expect(EventEmitter.defaultMaxListeners).toBe(10)
})

test('each call with a signal is aborted when it fires, those before the first connection too', async () => {
  const fresh = new RemoteCache(servers.memcached.servers, { ...PATIENT, maxQueuedCommands: 20_000 })
  const controller = new AbortController()
  const calls = keys.map((key) => fresh.set(key, Buffer.from('v'), { signal: controller.signal }))
  controller.abort()
  const results = await Promise.allSettled(calls)
  expect(results.every(({ status }) => status === 'rejected')).toBe(true)
  expect(getEventListeners(controller.signal, 'abort').length).toBe(0)
  await fresh.close()
})

test('calls with one signal cost about what they cost without', async () => {
  const { signal } = new AbortController()
  const time = async (options: { readonly signal?: AbortSignal }) => {
    const start = performance.now()
    await Promise.all(keys.map((key) => client.get(key, options)))
    return performance.now() - start
  }
  await time({})
  const ratios: number[] = []
  for (let i = 0; i < 7; i++) {
    const without = await time({})
    ratios.push((await time({ signal })) / without)
  }
  const [median = Infinity] = ratios.sort((a, b) => a - b).slice(3)
  // A listener for each call made it 18 times as long.
  expect(median).toBeLessThan(4)
})

import { EventEmitter, getEventListeners } from 'node:events'
import { MemcacheClient, RemoteCache } from '@larder/memcached'
import { PATIENT, servers } from '@larder/dev-servers/vitest'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'

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

test('10,000 calls with one signal listen to it once', async () => {
  const { signal } = new AbortController()
  const listen = vi.spyOn(signal, 'addEventListener')
  // To add one looks at all of them: with one for each call, the calls took 18 times as long.
  await Promise.all(keys.map((key) => client.get(key, { signal })))
  expect(listen).toHaveBeenCalledTimes(1)
  expect(getEventListeners(signal, 'abort').length).toBe(0)
})

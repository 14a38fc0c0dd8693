// Every client as the same few functions. `get` resolves to what the client gives for the value; a batch takes keys,
// or pairs of key and value. What a client does not have is not made up for: memjs has no batches, and so gets as
// many single commands at once.
import { createRequire } from 'node:module'
import { rawSocket } from './raw.mjs'

const require = createRequire(import.meta.url)
/** No client may fail because the machine is busy. */
const PATIENCE_MS = 30_000

/** In the order of the table. */
export const CLIENTS = {
  larder: { open: (address) => typedClient(address, 'meta') },
  'larder, binary': { open: (address) => typedClient(address, 'binary') },
  'larder, RemoteCache': { open: (address) => bytesCache(address, 'meta') },
  memjs: { open: memjs },
  memcached: { open: memcached },
  'memcache-client': { open: memcacheClient },
  memcache: { open: memcache, node: 22 },
  'raw socket': { open: (address) => rawSocket(address, 'shared lines') },
  'raw socket, a line a command': { open: (address) => rawSocket(address, 'single lines') },
}

async function typedClient(address, transport) {
  const { MemcacheClient } = await import('@larder/memcached')
  const client = new MemcacheClient({ servers: address, transport, timeoutMs: PATIENCE_MS })
  return {
    get: (key) => client.get(key),
    set: (key, value) => client.set(key, value),
    getMulti: (keys) => client.getMulti(keys),
    setMulti: (pairs) => client.setMulti(pairs),
  }
}

async function bytesCache(address, transport) {
  const { RemoteCache } = await import('@larder/memcached')
  const cache = new RemoteCache(address, { transport, timeoutMs: PATIENCE_MS })
  return {
    get: (key) => cache.get(key),
    set: (key, value) => cache.set(key, value),
    getMulti: (keys) => cache.getMulti(keys),
    setMulti: (pairs) => cache.setMulti(pairs.map(([key, value]) => ({ key, value }))),
  }
}

function memjs(address) {
  const options = { timeout: PATIENCE_MS / 1000, logger: { log() {} } }
  const client = require('memjs').Client.create(address, options)
  return {
    get: (key) => client.get(key),
    set: (key, value) => client.set(key, value, {}),
    getMulti: (keys) => Promise.all(keys.map((key) => client.get(key))),
    setMulti: (pairs) => Promise.all(pairs.map(([key, value]) => client.set(key, value, {}))),
  }
}

function memcached(address) {
  const Memcached = require('memcached')
  const client = new Memcached(address, { timeout: PATIENCE_MS, maxValue: 1048576 })
  const call = (method, ...args) =>
    new Promise((resolve, reject) =>
      client[method](...args, (error, result) => (error ? reject(error) : resolve(result))),
    )
  return {
    get: (key) => call('get', key),
    set: (key, value) => call('set', key, value, 0),
    getMulti: (keys) => call('getMulti', keys),
    setMulti: (pairs) => Promise.all(pairs.map(([key, value]) => call('set', key, value, 0))),
  }
}

function memcacheClient(address) {
  const { MemcacheClient } = require('memcache-client')
  const client = new MemcacheClient({ server: address, cmdTimeout: PATIENCE_MS, ignoreNotStored: true })
  return {
    get: (key) => client.get(key),
    set: (key, value) => client.set(key, value),
    getMulti: (keys) => client.get(keys),
    setMulti: (pairs) => Promise.all(pairs.map(([key, value]) => client.set(key, value))),
  }
}

/** Values are text: it knows no bytes. */
async function memcache(address) {
  const { Memcache } = await import('memcache')
  const client = new Memcache({ nodes: [address], timeout: PATIENCE_MS })
  return {
    asText: true,
    get: (key) => client.get(key),
    set: (key, value) => client.set(key, value),
    getMulti: (keys) => client.gets(keys),
    setMulti: (pairs) => Promise.all(pairs.map(([key, value]) => client.set(key, value))),
  }
}

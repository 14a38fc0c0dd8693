import { MemcacheClient, RemoteCache } from '@larder/storage-memcache'
import { createRequire } from 'node:module'
import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { connect } from 'node:net'

const require = createRequire(import.meta.url)
/** No client may fail because the machine is busy. */
const PATIENCE_MS = 30_000

/**
 * Every client as the same few functions. `get` resolves to what the client gives for the value; a batch takes
 * keys, or pairs of key and value.
 */
export async function connectAll(address) {
  return [
    cacheOver('larder (cache, meta)', address, 'meta'),
    cacheOver('larder (cache, binary)', address, 'binary'),
    typedClient(address),
    memjs(address),
    memcached(address),
    memcacheClient(address),
    await rawSocket(address),
  ]
}

function cacheOver(name, address, transport) {
  const cache = new RemoteCache(address, { transport, timeoutMs: PATIENCE_MS })
  return {
    name,
    get: (key) => cache.get(key),
    set: (key, value) => cache.set(key, value),
    getMulti: (keys) => cache.getMulti(keys),
    setMulti: (pairs) => cache.setMulti(pairs.map(([key, value]) => ({ key, value }))),
    close: () => cache.close(),
  }
}

function typedClient(address) {
  const client = new MemcacheClient(new RemoteCache(address, { transport: 'meta', timeoutMs: PATIENCE_MS }))
  return {
    name: 'larder (typed client)',
    get: (key) => client.get(key),
    set: (key, value) => client.set(key, value),
    getMulti: (keys) => client.getMulti(keys),
    setMulti: (pairs) => client.setMulti(pairs),
    close: () => client.close(),
  }
}

function memjs(address) {
  const client = require('memjs').Client.create(address, {
    timeout: PATIENCE_MS / 1000,
    logger: { log() {} },
  })
  return {
    name: 'memjs',
    get: (key) => client.get(key),
    set: (key, value) => client.set(key, value, {}),
    getMulti: (keys) => Promise.all(keys.map((key) => client.get(key))),
    setMulti: (pairs) => Promise.all(pairs.map(([key, value]) => client.set(key, value, {}))),
    close: () => client.close(),
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
    name: 'memcached',
    get: (key) => call('get', key),
    set: (key, value) => call('set', key, value, 0),
    getMulti: (keys) => call('getMulti', keys),
    setMulti: (pairs) => Promise.all(pairs.map(([key, value]) => call('set', key, value, 0))),
    close: () => client.end(),
  }
}

function memcacheClient(address) {
  const { MemcacheClient: Client } = require('memcache-client')
  const client = new Client({ server: address, cmdTimeout: PATIENCE_MS, ignoreNotStored: true })
  return {
    name: 'memcache-client',
    get: (key) => client.get(key),
    set: (key, value) => client.set(key, value),
    getMulti: (keys) => client.get(keys),
    setMulti: (pairs) => Promise.all(pairs.map(([key, value]) => client.set(key, value))),
    close: () => client.shutdown(),
  }
}

/** The limit of Node on this machine: bytes prepared beforehand, replies counted and not read. */
async function rawSocket(address) {
  const [host, port] = address.split(':')
  const socket = connect({ host, port: Number(port), noDelay: true })
  await once(socket, 'connect')
  const lines = new Map()
  const lineOf = (key, value) => {
    const id = value === undefined ? key : `${key} ${value.length}`
    if (!lines.has(id)) lines.set(id, encode(key, value))
    return lines.get(id)
  }
  /** All replies of a test have the same length, which the first one tells. */
  const exchange = (requests, width) =>
    new Promise((resolve) => {
      let next = 0
      let open = 0
      let replyBytes = 0
      let held = 0
      const send = (count) => {
        const batch = requests.slice(next, next + count)
        next += batch.length
        open += batch.length
        if (batch.length > 0) socket.write(Buffer.concat(batch))
      }
      const onData = (chunk) => {
        held += chunk.length
        if (replyBytes === 0) {
          const lineEnd = chunk.indexOf('\r\n') + 2
          const size = /^VA (\d+)/.exec(chunk.toString('latin1', 0, lineEnd))?.[1]
          replyBytes = lineEnd + (size === undefined ? 0 : Number(size) + 2)
        }
        const replies = Math.floor(held / replyBytes)
        held -= replies * replyBytes
        open -= replies
        if (open === 0 && next === requests.length) {
          socket.off('data', onData)
          resolve()
        } else send(replies)
      }
      socket.on('data', onData)
      send(width)
    })
  return {
    name: 'raw socket',
    run: (test, keys, value, operations, width) => {
      const isGet = test === 'get'
      const requests = Array.from({ length: operations }, (_, i) => {
        const key = keys[i % keys.length]
        return isGet ? lineOf(key) : lineOf(key, value)
      })
      return () => exchange(requests, width)
    },
    close: () => socket.destroy(),
  }
}

function encode(key, value) {
  if (value === undefined) return Buffer.from(`mg ${key} v\r\n`)
  return Buffer.concat([Buffer.from(`ms ${key} ${value.length}\r\n`), value, Buffer.from('\r\n')])
}

// The same few functions for the bare client, the database and the cache in front of it. Addresses are made by
// `at(name)` beforehand, as a program would keep them.
import { RemoteCache } from '@larder/memcached'
import { MemcacheStorage } from '@larder/storage-memcache'
import { SqlStorage } from '@larder/storage-sql'

/** Nobody may fail because the machine is busy. */
const PATIENT = { timeoutMs: 30_000, connectTimeoutMs: 30_000 }
const PATIENT_SQL = { connectTimeoutMs: 30_000, statementTimeoutMs: 30_000, lockTimeoutMs: 30_000 }
const COLLECTION = 'bench'
const KEY_BYTES = 58

export const CONTENDERS = {
  'bare client': bareClient,
  MemcacheStorage: memcacheStorage,
  SqlStorage: async ({ url }) => ofStorage(await openSql(url)),
}

export function openSql(url) {
  return SqlStorage.open({ url, transactionTimeoutMs: 25_000, ...PATIENT_SQL })
}

export function openCached(servers, storage) {
  return new MemcacheStorage({ servers, storage, client: PATIENT })
}

function bareClient({ servers }) {
  const cache = new RemoteCache(servers, PATIENT)
  return {
    // As long as the keys of a MemcacheStorage.
    at: (name) => `bare:${name}`.padEnd(KEY_BYTES, '-'),
    read: (key) => cache.get(key),
    readMany: (keys) => cache.getMulti(keys),
    prepare: (key, bytes) => cache.set(key, bytes),
  }
}

async function memcacheStorage({ url, servers }) {
  return ofStorage(openCached(servers, await openSql(url)))
}

function ofStorage(storage) {
  return {
    at: (name) => storage.info(COLLECTION, name),
    read: (info) => storage.getContent(info),
    readMany: (infos) => storage.getMany(infos),
    write: (info, bytes) => storage.putContent(info, bytes),
    prepare: (info, bytes) => storage.putContent(info, bytes),
  }
}

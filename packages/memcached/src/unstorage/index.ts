/**
 * A driver for unstorage.
 *
 * @packageDocumentation
 */

import { StorageError, wrongType } from '@larder/storage-core/base'
import { type MemcacheClient, MemcacheNamespace, type WhenUnavailable } from '../client/index.js'

/** The options of `memcachedDriver`. */
export interface MemcachedDriverOptions {
  /** Of the program, which closes it. A `client.namespace(name)` can be cleared. */
  readonly client: MemcacheClient<WhenUnavailable>
}

/** What unstorage passes to a driver. */
interface ItemOptions {
  /** Seconds. Default: the client's `ttlMs`. */
  readonly ttl?: number
}

/** What unstorage calls. */
export interface MemcachedDriver {
  readonly name: string
  readonly options: MemcachedDriverOptions
  getInstance(): MemcachedDriverOptions['client']
  hasItem(key: string): Promise<boolean>
  getItem(key: string): Promise<string | null>
  getItemRaw(key: string): Promise<unknown>
  getItems(items: readonly { readonly key: string }[]): Promise<{ key: string; value: string | null }[]>
  setItem(key: string, value: string, options?: ItemOptions): Promise<void>
  setItemRaw(key: string, value: unknown, options?: ItemOptions): Promise<void>
  removeItem(key: string): Promise<void>
  getKeys(): Promise<string[]>
  clear(base?: string): Promise<void>
}

/** Items of unstorage in memcached. Keys cannot be listed: `getKeys` rejects with `E_UNSUPPORTED`. */
export function memcachedDriver(options: MemcachedDriverOptions): MemcachedDriver {
  const { client } = options
  if (typeof (client as Partial<MemcacheClient> | undefined)?.get !== 'function')
    throw wrongType('client', 'a MemcacheClient', client)
  const set = async (key: string, value: unknown, { ttl }: ItemOptions = {}): Promise<void> => {
    await client.set(key, value, ttl === undefined ? {} : { ttlMs: ttl * 1000 })
  }
  return {
    name: 'memcached',
    options,
    getInstance: () => client,
    hasItem: async (key: string) => (await client.get(key)) !== undefined,
    getItem: async (key: string) => (await client.get<string>(key)) ?? null,
    getItemRaw: async (key: string) => (await client.get(key)) ?? null,
    getItems: async (items: readonly { readonly key: string }[]) => {
      const { values, failed } = await client.getMulti<string, string>(items.map(({ key }) => key))
      for (const error of failed.values()) throw error
      return items.map(({ key }) => ({ key, value: values.get(key) ?? null }))
    },
    setItem: set,
    setItemRaw: set,
    removeItem: async (key: string): Promise<void> => {
      await client.delete(key)
    },
    getKeys: (): Promise<string[]> => Promise.reject(unsupported('list keys')),
    clear: async (base = ''): Promise<void> => {
      if (base !== '' || !(client instanceof MemcacheNamespace)) throw unsupported('clear')
      await client.flush()
    },
  }
}

function unsupported(what: string): StorageError {
  const message = `memcached cannot ${what}: a \`client.namespace()\` can be cleared as a whole`
  return new StorageError('E_UNSUPPORTED', message)
}

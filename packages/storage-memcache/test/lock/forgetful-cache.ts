import type { Cache } from '@larder/memcached'

/** A client of a cache that can take away all that was added through it, as the server may at any moment. */
export interface ForgetfulCache {
  readonly cache: Cache
  forget(): Promise<void>
}

export function forgetful(inner: Cache): ForgetfulCache {
  const keys = new Set<string>()
  const add: Cache['add'] = (key, value, options) => {
    keys.add(key)
    return inner.add(key, value, options)
  }
  const cache = new Proxy(inner, {
    get: (target, name) => {
      if (name === 'add') return add
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
  return {
    cache,
    forget: async () => {
      for (const key of keys) await inner.delete(key)
    },
  }
}

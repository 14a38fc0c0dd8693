import { LRUCache } from 'lru-cache'
import type { CasToken } from '../../cache.js'
import { CasId, type StoreKind } from '../../transport/index.js'
import { exactExptime } from '../exact-server.js'
import { VALIDATE, type Query } from './query.js'
import { Runner, type KeyQuery, type ListCallback } from './runner.js'
import { decodeItem, encodeValue } from './values.js'

/** Tokens of `gets` that `cas` can still use. */
const MAX_TOKENS = 10_000

/** `this` is the command. */
export type Callback<T> = (this: Query, error: Error | undefined, data: T) => void

/** What `gets` finds: the value under its key, namespace included, and the number for `cas`. */
export interface Versioned {
  readonly [key: string]: unknown
  readonly cas: string
}

/** The commands about keys. */
export abstract class KeyCommands extends Runner {
  readonly #tokens = new LRUCache<string, CasToken>({ max: MAX_TOKENS })

  touch(key: string, lifetime: number, callback?: Callback<boolean>): void {
    const query = this.#query('touch', key, callback, { lifetime, validate: VALIDATE.touch })
    this.run(query, async (server) => ({
      data: await this.ask(server, query, (wire) => {
        return { kind: 'touch', key: wire, exptime: exactExptime(lifetime) } as const
      }),
    }))
  }

  /** A list of keys is a `getMulti`. A miss is `undefined`. */
  get<T = unknown>(key: string, callback?: Callback<T>): void
  get<T = unknown>(keys: readonly string[], callback?: ListCallback<Error[], Record<string, T>>): void
  get(key: string | readonly string[], callback?: unknown): void {
    if (typeof key === 'object')
      return this.getMulti(key, callback as ListCallback<Error[], Record<string, unknown>> | undefined)
    const query = this.#query('get', key, callback, { validate: VALIDATE.key })
    this.run(query, async (server) => ({ data: await this.read(server, query, decodeItem) }))
  }

  gets<T = Versioned>(key: string, callback?: Callback<T | undefined>): void {
    const query = this.#query('gets', key, callback, { validate: VALIDATE.key })
    this.run(query, async (server) => {
      const data = await this.read(server, query, (item) => {
        const cas = String(item.cas.id)
        this.#tokens.set(tokenKey(query, cas), item.cas)
        return { [query.key]: decodeItem(item), cas }
      })
      return { data }
    })
  }

  /** Answers with an object of the keys that were found. */
  getMulti<T = unknown>(keys: readonly string[], callback?: ListCallback<Error[], Record<string, T>>): void {
    if (!Array.isArray(keys)) return callback?.([new Error('Argument "key" is not a valid Array.')], {})
    void this.readAll(keys).then(({ errors, found }) => {
      const failed = errors.length > 0 ? [...errors] : undefined
      queueMicrotask(() => callback?.(failed, found as Record<string, T>))
    })
  }

  set(key: string, value: unknown, lifetime: number, callback?: Callback<boolean>): void {
    this.#store('put', 'set', key, value, lifetime, callback)
  }

  replace(key: string, value: unknown, lifetime: number, callback?: Callback<boolean>): void {
    this.#store('replace', 'replace', key, value, lifetime, callback)
  }

  add(key: string, value: unknown, lifetime: number, callback?: Callback<boolean>): void {
    this.#store('add', 'add', key, value, lifetime, callback)
  }

  append(key: string, value: unknown, callback?: Callback<boolean>): void {
    this.#store('append', 'append', key, value, 0, callback)
  }

  prepend(key: string, value: unknown, callback?: Callback<boolean>): void {
    this.#store('prepend', 'prepend', key, value, 0, callback)
  }

  /** Stores over what `gets` of this client found with that number; `false`: it was changed, or is gone. */
  cas(key: string, value: unknown, cas: string, lifetime: number, callback?: Callback<boolean>): void {
    const query = this.#query('cas', key, callback, { value, lifetime, cas, validate: VALIDATE.store })
    this.run(query, async (server) => {
      const item = { ...this.#encoded(value), exptime: exactExptime(lifetime) }
      const token = this.#tokens.get(tokenKey(query, cas))
      if (!(token instanceof CasId)) return { data: false }
      const { status } = await this.ask(server, query, (wire) => {
        return { kind: 'cas', key: wire, ...item, token } as const
      })
      return { data: status === 'stored' }
    })
  }

  /** A missing counter is `false`. */
  incr(key: string, amount: number, callback?: Callback<number | false>): void {
    this.#count('incr', key, amount, callback)
  }

  /** Stops at 0. A missing counter is `false`. */
  decr(key: string, amount: number, callback?: Callback<number | false>): void {
    this.#count('decr', key, amount, callback)
  }

  del(key: string, callback?: Callback<boolean>): void {
    const query = this.#query('delete', key, callback, { validate: VALIDATE.key, redundancyEnabled: true })
    this.run(query, async (server) => {
      const answer = await this.ask(server, query, (wire) => {
        return { kind: 'delete', key: wire, token: undefined } as const
      })
      return { data: answer === 'deleted' }
    })
  }

  #store(
    kind: Exclude<StoreKind, 'set'>,
    type: string,
    key: string,
    value: unknown,
    lifetime: number,
    callback: unknown,
  ): void {
    const query = this.#query(type, key, callback, { value, lifetime, validate: VALIDATE.store })
    this.run(query, async (server) => {
      const item = { ...this.#encoded(value), exptime: exactExptime(lifetime) }
      const stored = await this.ask(server, query, (wire) => ({ kind, key: wire, ...item }) as const)
      return stored === undefined || stored === false ? notStored() : { data: true }
    })
  }

  #count(type: 'incr' | 'decr', key: string, amount: number, callback: unknown): void {
    const fields = { value: amount, validate: VALIDATE.count, redundancyEnabled: true }
    const query = this.#query(type, key, callback, fields)
    this.run(query, async (server) => {
      if (amount < 0) throw new RangeError(`The amount must not be negative, got ${amount}`)
      const delta = type === 'incr' ? BigInt(amount) : -BigInt(amount)
      const sum = await this.ask(server, query, (wire) => {
        return { kind: 'count', key: wire, delta, initial: undefined, exptime: 0 } as const
      })
      return { data: sum === undefined ? false : Number(sum) }
    })
  }

  #encoded(value: unknown): { readonly value: Uint8Array; readonly flags: number } {
    const { bytes, flags } = encodeValue(value)
    if (bytes.byteLength > this.maxValue)
      throw new Error(`The length of the value is greater than ${this.maxValue}`)
    return { value: bytes, flags }
  }

  #query(type: string, key: unknown, callback: unknown, fields: Partial<Query>): KeyQuery {
    const full = typeof key === 'string' || typeof key === 'number' ? `${this.namespace}${key}` : key
    return { type, command: `${type} ${String(full)}`, callback, ...fields, key: full as string }
  }
}

function tokenKey({ key }: KeyQuery, cas: string): string {
  return `${key} ${cas}`
}

function notStored(): { readonly error: Error; readonly data: false } {
  return { error: Object.assign(new Error('Item is not stored'), { notStored: true }), data: false }
}

import type { Environment } from '@larder/memcached'
import { DOWN, type Lookup, settleAll, type SlotAddress, type SlotReader } from '../coherence/index.js'
import { LoaderBatch, type LoadMany } from './loader-batch.js'
import type { QueryCounters } from './query-counters.js'
import type { QueryContent, QuerySlots, StoredResult } from './query-form.js'
import type { EntrySettings } from './query-options.js'
import { QuerySource } from './query-source.js'
import type { ResultForm } from './result-form.js'

/** One key of a call. */
export interface Wanted {
  /** As the caller has it. */
  readonly key: string
  readonly address: SlotAddress
}

/** One call: how its results are loaded, and in which form they come back. */
export interface ResultCall {
  readonly load: LoadMany
  readonly settings: EntrySettings
  readonly form: ResultForm
  /** The tick of the reader's clock before the first look. */
  readonly startedAt: number
  /** Whether a key without a result is no subject of the schema. */
  readonly mayMiss: boolean
}

/** A stored result that the form of the call cannot read. */
export const UNREADABLE: unique symbol = Symbol('unreadable')

/** From lookups of keys to values: reads what is there and loads what is not. */
export class QueryResolver {
  readonly #slots: QuerySlots
  readonly #reader: SlotReader<StoredResult, QueryContent>
  readonly #env: Environment
  readonly #counters: QueryCounters

  constructor(
    slots: QuerySlots,
    reader: SlotReader<StoredResult, QueryContent>,
    env: Environment,
    counters: QueryCounters,
  ) {
    this.#slots = slots
    this.#reader = reader
    this.#env = env
    this.#counters = counters
  }

  /** The values. One that the form cannot read is removed from the cache and loaded anew. */
  async resolve(
    wanted: readonly Wanted[],
    looks: readonly Lookup<StoredResult>[],
    call: ResultCall,
  ): Promise<unknown[]> {
    const values = await this.#read(wanted, looks, call)
    const unread = unreadOf(values)
    if (unread.length === 0) return values
    const again = unread.map((i) => wanted[i] as Wanted)
    const startedAt = this.#reader.tick()
    const renewed = await this.#read(again, await this.#dropAndLook(again), { ...call, startedAt })
    for (const [j, i] of unread.entries()) values[i] = renewed[j]
    return unreadOf(values).length === 0 ? values : this.#loadAside(wanted, values, call)
  }

  /** Never rejects. */
  async tryRead(key: string, stored: StoredResult, form: ResultForm): Promise<unknown> {
    try {
      return await form.read(key, stored)
    } catch {
      this.#counters.cacheErrors++
      return UNREADABLE
    }
  }

  async #read(
    wanted: readonly Wanted[],
    looks: readonly Lookup<StoredResult>[],
    call: ResultCall,
  ): Promise<unknown[]> {
    const { load, settings, startedAt } = call
    const batch = new LoaderBatch(this.#counted(load), wanted.length)
    const results = await settleAll(
      wanted.map(async ({ key, address }, i) => {
        const source = new QuerySource(key, settings, batch, this.#env, this.#counters)
        try {
          return await this.#reader.resolve(address, looks[i] ?? DOWN, startedAt, source)
        } finally {
          source.waits()
        }
      }),
    )
    return Promise.all(
      wanted.map(async ({ key }, i) => {
        const stored = results[i]
        return stored === undefined && call.mayMiss ? undefined : this.tryRead(key, stored, call.form)
      }),
    )
  }

  #dropAndLook(wanted: readonly Wanted[]): Promise<Lookup<StoredResult>[]> {
    return Promise.all(
      wanted.map(async ({ address }) => {
        await this.#slots.drop(address.key).catch(() => undefined)
        return this.#slots.lookUp(address)
      }),
    )
  }

  /** Another process keeps storing what this call cannot read: the loader's results, without the cache. */
  async #loadAside(
    wanted: readonly Wanted[],
    values: readonly unknown[],
    call: ResultCall,
  ): Promise<unknown[]> {
    const missing = unreadOf(values).map((i) => wanted[i]?.key ?? '')
    const loaded = await this.#counted(call.load)(missing)
    return Promise.all(
      values.map(async (value, i) => {
        const { key } = wanted[i] as Wanted
        if (value !== UNREADABLE) return value
        const stored = loaded.get(key)
        return stored === undefined && call.mayMiss ? undefined : call.form.read(key, stored)
      }),
    )
  }

  #counted(load: LoadMany): LoadMany {
    return async (keys) => {
      this.#counters.loaderCalls++
      try {
        return await load(keys)
      } catch (error) {
        this.#counters.loaderErrors++
        throw error
      }
    }
  }
}

function unreadOf(values: readonly unknown[]): number[] {
  return values.flatMap((value, i) => (value === UNREADABLE ? [i] : []))
}

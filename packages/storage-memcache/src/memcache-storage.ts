import { defaultKeyGenerator, DrivenStorage, processWide, watchedCounters } from '@larder/storage-core/driver'
import { noEffect, type OptionsOf, optionTable, resolveOptions } from '@larder/storage-core/base'
import type { Auditable } from './audit/index.js'
import { CACHE_CHOICE_OPTIONS, type CacheChoice, chooseCache } from './cache-choice.js'
import { environmentOption, keyGeneratorOption, keyPrefixOption, storageOption } from './common-options.js'
import { newCounters, type StorageCounters } from './counters.js'
import { ProxyDriver } from './storage/index.js'
import { headKey } from './storage-keys.js'
import { PROTOCOL_OPTIONS, type ProtocolOptions, settingsOf } from './settings.js'
import { StandaloneDriver } from './standalone/standalone-driver.js'

/** What a `MemcacheStorage` takes besides its cache. */
const STORAGE_OPTIONS = optionTable({
  /**
   * The durable home. It stays open on `shutdown()`. Without it the cache is all there is: what the servers evict is
   * gone, and `supports.durable` is false.
   */
  storage: storageOption(),
  /** Begins every key, so that several storages can share servers. All processes must say the same. Default: `'larder:'`. */
  keyPrefix: keyPrefixOption('larder:'),
  /** Makes the keys; one that memcached cannot take is replaced by its SHA-256. Default: `defaultKeyGenerator`. */
  keyGenerator: keyGeneratorOption(defaultKeyGenerator),
  /** Clock, chance and waiting, for simulations. Default: the system's. */
  environment: environmentOption(),
  ...PROTOCOL_OPTIONS,
})

export const MEMCACHE_STORAGE_OPTIONS = optionTable({ ...CACHE_CHOICE_OPTIONS, ...STORAGE_OPTIONS })

/** The options of a `MemcacheStorage`, besides its cache. */
export type MemcacheStorageSettings = OptionsOf<typeof STORAGE_OPTIONS>

/** The options of a `MemcacheStorage`. */
export type MemcacheStorageOptions = CacheChoice & MemcacheStorageSettings

const auditables = processWide(
  'storage-memcache/auditables@1',
  () => new WeakMap<MemcacheStorage, Auditable>(),
)

/** A read-through and write-through cache on memcached in front of any other storage. */
export class MemcacheStorage extends DrivenStorage {
  readonly #counters: StorageCounters

  /** Connects to nothing yet. Throws `TypeError` or `RangeError` for options that make no sense. */
  constructor(options: MemcacheStorageOptions) {
    const resolved = resolveOptions('MemcacheStorage', MEMCACHE_STORAGE_OPTIONS, options)
    const { keyPrefix, keyGenerator, environment: env, storage } = resolved
    const { cache, plain, owned } = chooseCache(resolved, 'MemcacheStorage')
    const settings = settingsOf(resolved)
    if (storage === undefined) refuseProtocolOptions(options)
    const counters = watchedCounters({ counters: 'storage', keyPrefix }, newCounters())
    const driver =
      storage === undefined
        ? new StandaloneDriver(cache, keyPrefix, keyGenerator, env, owned)
        : new ProxyDriver({
            cache,
            storage,
            settings,
            namespace: keyPrefix,
            keyGenerator,
            env,
            counters,
            owned,
          })
    super(driver)
    this.#counters = counters
    if (storage === undefined || !(driver instanceof ProxyDriver)) return
    const infoOf = (collection: string, resource: string) => this.info(collection, resource)
    const headKeyOf = (collection: string) => headKey(driver.keyOf, collection)
    const isClosed = () => driver.isClosed
    auditables.set(this, { cache: plain, storage, settings, env, infoOf, headKeyOf, isClosed })
  }

  /** What this storage has done so far; all zero where there is no storage behind it. */
  counters(): StorageCounters {
    return { ...this.#counters }
  }
}

/** Undefined: there is no storage behind it. */
export function auditableOf(storage: MemcacheStorage): Auditable | undefined {
  return auditables.get(storage)
}

function refuseProtocolOptions(options: ProtocolOptions): void {
  const names = Object.keys(PROTOCOL_OPTIONS) as (keyof ProtocolOptions)[]
  const given = names.filter((name) => options[name] !== undefined)
  if (given.length > 0) throw noEffect('storage', ...given)
}

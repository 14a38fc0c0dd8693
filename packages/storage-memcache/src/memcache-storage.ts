import { type Environment, systemEnvironment } from '@larder/memcached'
import {
  checkOptionNames,
  defaultKeyGenerator,
  DrivenStorage,
  type KeyGenerator,
  type NamesOf,
  processWide,
  type Storage,
  watchedCounters,
} from '@larder/storage-core'
import type { Auditable } from './audit/auditable.js'
import { CACHE_CHOICE_NAMES, type CacheChoice, chooseCache } from './cache-choice.js'
import { checkNamespace } from './proxy/cache-key.js'
import { newCounters, type StorageCounters } from './proxy/counters.js'
import { ProxyDriver } from './proxy/proxy-driver.js'
import { headKey } from './proxy/proxy-keys.js'
import { PROTOCOL_NAMES, PROTOCOL_OPTIONS, type ProtocolOptions, resolveSettings } from './proxy/settings.js'
import { StandaloneDriver } from './proxy/standalone-driver.js'

/** The options of a `MemcacheStorage`. */
export type MemcacheStorageOptions = CacheChoice & MemcacheStorageSettings

/** The options of a `MemcacheStorage`, besides its cache. */
export interface MemcacheStorageSettings extends ProtocolOptions {
  /**
   * The durable home. It stays open on `shutdown()`. Without it the cache is all there is: what the servers evict
   * is gone, and `supports.durable` is false.
   */
  readonly storage?: Storage | undefined
  /** Begins every key, so that several storages can share servers. Up to 80 ASCII characters. Default: `'larder:'`. */
  readonly namespace?: string | undefined
  /** Makes the keys; one that memcached cannot take is replaced by its SHA-256. Default: `defaultKeyGenerator`. */
  readonly keyGenerator?: KeyGenerator | undefined
  /** Clock, chance and waiting, for simulations. */
  readonly environment?: Environment | undefined
}

const OPTION_NAMES: NamesOf<MemcacheStorageOptions> = Object.freeze({
  ...PROTOCOL_NAMES,
  ...CACHE_CHOICE_NAMES,
  storage: true,
  namespace: true,
  keyGenerator: true,
  environment: true,
})

const auditables = processWide(
  'storage-memcache/auditables@1',
  () => new WeakMap<MemcacheStorage, Auditable>(),
)

/** A read-through and write-through cache on memcached in front of any other storage. */
export class MemcacheStorage extends DrivenStorage {
  readonly #counters: StorageCounters

  /** Connects to nothing yet. Throws `TypeError` or `RangeError` for options that make no sense. */
  constructor(options: MemcacheStorageOptions) {
    checkOptionNames('MemcacheStorage', options, OPTION_NAMES)
    const settings = resolveSettings(options)
    if (options.storage === undefined) refuseProtocolOptions(options)
    const namespace = checkNamespace(options.namespace ?? 'larder:')
    const { keyGenerator = defaultKeyGenerator, environment: env = systemEnvironment, storage } = options
    const { cache, plain, owned } = chooseCache(options, 'MemcacheStorage')
    const counters = watchedCounters({ counters: 'storage', namespace }, newCounters())
    const driver =
      storage === undefined
        ? new StandaloneDriver(cache, namespace, keyGenerator, env, owned)
        : new ProxyDriver({ cache, storage, settings, namespace, keyGenerator, env, counters, owned })
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
  const given = PROTOCOL_OPTIONS.filter((name) => options[name] !== undefined)
  if (given.length > 0)
    throw new TypeError(`Without a storage behind the cache, ${given.join(', ')} would have no effect`)
}

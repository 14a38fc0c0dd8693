import {
  type ClientOptions,
  type CommandCache,
  MemcacheClient,
  type PlainValue,
  RemoteCache,
  type WhenUnavailable,
} from '@larder/memcached'
import { COMPRESSION_NAMES } from '@larder/memcached/driver'
import { checkOptionNames, hasLoneSurrogate, type NamesOf } from '@larder/storage-core'
import {
  choiceOption,
  numberOption,
  optionTable,
  resolveOptions,
  textOption,
  wrongType,
} from '@larder/storage-core/base'
import { CACHE_CHOICE_NAMES, type CacheChoice } from '../cache-choice.js'
import { type FlushFailures, MemcacheMap } from './memcache-map.js'

/** Where maps are kept, and how: a named configuration. */
export type MapPlugin = CacheChoice<CommandCache> & MapPluginSettings

/** How the maps of a plugin keep their values. */
export interface MapPluginSettings extends Pick<
  ClientOptions,
  'serializer' | 'compression' | 'whenUnavailable'
> {
  /** How long values live, in seconds, however many; for maps that do not say. Default: as long as there is room. */
  readonly expires?: number | undefined
}

/** The configurations of `MemcacheMaps`. */
export interface MemcacheMapsOptions {
  /** The one named `default` is for maps that name none. */
  readonly plugins: Readonly<Record<string, MapPlugin>>
  /** Told of what a commit could not write. Default: a process warning. */
  readonly onFlushError?: ((failures: FlushFailures, keyPrefix: string) => void) | undefined
}

/** What `getMemcacheMap` can be told. */
export interface MapOptions {
  /** Default: `'default'`. */
  readonly plugin?: string | undefined
  /** How long values live, in seconds, however many. Default: the plugin's. */
  readonly expires?: number | undefined
  /** What `get` does for a key that is not there. Default: `'undefined'`. */
  readonly missing?: 'undefined' | 'throw' | undefined
}

const PLUGIN_NAMES: NamesOf<MapPlugin> = Object.freeze({
  ...CACHE_CHOICE_NAMES,
  serializer: true,
  compression: COMPRESSION_NAMES,
  whenUnavailable: true,
  expires: true,
})
const OPTION_NAMES: NamesOf<MemcacheMapsOptions> = Object.freeze({ plugins: true, onFlushError: true })
const EXPIRES = numberOption({ above: 0, max: Number.MAX_SAFE_INTEGER })
const MAP_OPTIONS = optionTable({
  plugin: textOption('default'),
  expires: EXPIRES,
  missing: choiceOption(['undefined', 'throw'], 'undefined'),
})

/** Gives out dictionaries. */
export interface MapSource {
  /**
   * The dictionary of all keys with this prefix; prefixes never see each other's keys, whatever their texts. Throws
   * `RangeError` for a plugin that is not configured.
   */
  getMemcacheMap<T = PlainValue>(keyPrefix: string, options?: MapOptions): MemcacheMap<T>
}

interface Opened {
  readonly plugin: Pick<MapPlugin, 'expires'>
  readonly client: MemcacheClient<WhenUnavailable>
}

/** Named configurations of memcached, and dictionaries on them. */
export class MemcacheMaps implements MapSource, AsyncDisposable {
  readonly #opened: ReadonlyMap<string, Opened>
  readonly #owned: RemoteCache[] = []
  readonly #onFlushError: (failures: FlushFailures, keyPrefix: string) => void

  /** Connects to nothing yet. Throws `TypeError` or `RangeError` for plugins that make no sense. */
  constructor(options: MemcacheMapsOptions) {
    checkOptionNames('MemcacheMaps', options, OPTION_NAMES)
    const { plugins, onFlushError = warn } = options
    if (typeof plugins !== 'object' || plugins === null)
      throw wrongType('plugins', 'an object of plugins', plugins)
    if (typeof onFlushError !== 'function') throw wrongType('onFlushError', 'a function', onFlushError)
    const opened = Object.entries(plugins).map(([name, plugin]) => [name, this.#open(name, plugin)] as const)
    if (opened.length === 0) throw new TypeError('MemcacheMaps needs at least one plugin')
    this.#opened = new Map(opened)
    this.#onFlushError = onFlushError
  }

  /** Each call gives a transaction of its own. */
  getMemcacheMap<T = PlainValue>(keyPrefix: string, options: MapOptions = {}): MemcacheMap<T> {
    const { plugin, expires, missing } = checkMap(keyPrefix, options)
    const opened = this.#opened.get(plugin)
    if (opened === undefined) throw new RangeError(`No plugin is named ${JSON.stringify(plugin)}`)
    const ttlMs = toMs(expires ?? opened.plugin.expires)
    return new MemcacheMap<T>(opened.client, keyPrefix, { ttlMs, missing, onFlushError: this.#onFlushError })
  }

  /**
   * Runs `work` with maps that are committed when it resolves and aborted when it rejects. Within it, the same
   * arguments give the same map. A flush that fails does not make it reject.
   */
  async transaction<R>(work: (source: MapSource) => Promise<R> | R): Promise<R> {
    if (typeof work !== 'function') throw wrongType('work', 'a function', work)
    const maps = new Map<string, MemcacheMap<never>>()
    const getMemcacheMap = <T>(keyPrefix: string, options: MapOptions = {}) => {
      const { plugin, expires, missing } = checkMap(keyPrefix, options)
      const id = JSON.stringify([keyPrefix, plugin, expires, missing])
      const map = maps.get(id) ?? this.getMemcacheMap<never>(keyPrefix, options)
      maps.set(id, map)
      return map as unknown as MemcacheMap<T>
    }
    try {
      const result = await work({ getMemcacheMap })
      for (const map of maps.values()) await map.commit()
      return result
    } finally {
      for (const map of maps.values()) map.abort()
    }
  }

  /** Closes the connections that were opened here. Idempotent. */
  async close(): Promise<void> {
    await Promise.all(this.#owned.map((cache) => cache.close()))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #open(name: string, plugin: MapPlugin): Opened {
    checkOptionNames(`The plugin ${JSON.stringify(name)}`, plugin, PLUGIN_NAMES)
    const { servers, client, cache, expires, ...values } = plugin
    if (expires !== undefined) EXPIRES.check(expires, 'expires')
    if (client !== undefined && servers === undefined)
      throw new TypeError(
        `The plugin ${JSON.stringify(name)} has no servers, to which client says how to talk`,
      )
    if ((servers === undefined) === (cache === undefined)) {
      throw new TypeError(`The plugin ${JSON.stringify(name)} needs servers or a cache`)
    }
    const remote = servers === undefined ? undefined : new RemoteCache(servers, client)
    if (remote !== undefined) this.#owned.push(remote)
    const commands = (remote ?? cache) as CommandCache
    return {
      plugin: { expires },
      client: new MemcacheClient({ cache: commands, ...values, invalidKeys: 'hash' }),
    }
  }
}

function checkMap(keyPrefix: unknown, options: unknown) {
  if (typeof keyPrefix !== 'string') throw wrongType('keyPrefix', 'text', keyPrefix)
  if (keyPrefix === '') throw new RangeError('`keyPrefix` must not be empty')
  if (hasLoneSurrogate(keyPrefix)) throw new RangeError('`keyPrefix` contains half a surrogate pair')
  return resolveOptions('getMemcacheMap', MAP_OPTIONS, options)
}

function toMs(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1_000
}

function warn(failures: FlushFailures, keyPrefix: string): void {
  const [[key, error] = ['', undefined]] = failures
  const others = failures.size === 1 ? '' : ` and ${failures.size - 1} more`
  process.emitWarning(`Not written to the map ${keyPrefix}: ${key}${others}: ${String(error)}`)
}

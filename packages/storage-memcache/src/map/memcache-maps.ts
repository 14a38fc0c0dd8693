import {
  type CommandCache,
  MemcacheClient,
  type PlainValue,
  RemoteCache,
  type WhenUnavailable,
} from '@larder/memcached'
import { CLIENT_OPTIONS } from '@larder/memcached/driver'
import {
  checkOptions,
  choiceOption,
  functionOption,
  hasLoneSurrogate,
  numberOption,
  objectOption,
  optionTable,
  required,
  resolveOptions,
  textOption,
  wrongType,
  type OptionsOf,
} from '@larder/storage-core/base'
import { CACHE_CHOICE_OPTIONS, type CacheChoice, checkChoice } from '../cache-choice.js'
import { type FlushFailures, MemcacheMap } from './memcache-map.js'

const EXPIRES = numberOption({ above: 0, max: Number.MAX_SAFE_INTEGER })

/** How the maps of a plugin keep their values. */
const PLUGIN_SETTINGS = optionTable({
  serializer: CLIENT_OPTIONS.serializer,
  compression: CLIENT_OPTIONS.compression,
  whenUnavailable: CLIENT_OPTIONS.whenUnavailable,
  /** How long values live, in seconds, however many; for maps that do not say. Default: for ever. */
  expires: EXPIRES,
})

export const MAP_PLUGIN_OPTIONS = optionTable({ ...CACHE_CHOICE_OPTIONS, ...PLUGIN_SETTINGS })

/** How the maps of a plugin keep their values. */
export type MapPluginSettings = OptionsOf<typeof PLUGIN_SETTINGS>

/** Where maps are kept, and how: a named configuration. */
export type MapPlugin = CacheChoice<CommandCache> & MapPluginSettings

/** The configurations of `MemcacheMaps`. */
export const MAPS_OPTIONS = optionTable({
  /** Configurations by name. The one named `default` is for maps that name none. */
  plugins: required(objectOption<Readonly<Record<string, MapPlugin>>>('an object of plugins')),
  /** Called with what a commit could not write. Default: a process warning. */
  onFlushError: functionOption<(failures: FlushFailures, keyPrefix: string) => void>(warn),
})

/** The configurations of `MemcacheMaps`. */
export type MemcacheMapsOptions = OptionsOf<typeof MAPS_OPTIONS>

/** What `getMemcacheMap` can be told. */
export const MAP_OPTIONS = optionTable({
  /** The name of a configuration. Default: `'default'`. */
  plugin: textOption('default'),
  /** How long values live, in seconds, however many. Default: the plugin's. */
  expires: EXPIRES,
  /** What `get` does for a key that is not there. Default: `'undefined'`. */
  missing: choiceOption(['undefined', 'throw'], 'undefined'),
})

/** What `getMemcacheMap` can be told. */
export type MapOptions = OptionsOf<typeof MAP_OPTIONS>

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
    const { plugins, onFlushError } = resolveOptions('MemcacheMaps', MAPS_OPTIONS, options)
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
    const subject = `The plugin ${JSON.stringify(name)}`
    checkOptions(subject, MAP_PLUGIN_OPTIONS, plugin)
    checkChoice(plugin, subject)
    const { servers, client, cache, expires, ...values } = plugin
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

/** ERP5's dictionary over memcached. */

export { type FlushFailures, MemcacheMap } from './memcache-map.js'
export {
  type MapOptions,
  type MapPlugin,
  type MapPluginSettings,
  type MapSource,
  MemcacheMaps,
  type MemcacheMapsOptions,
} from './memcache-maps.js'

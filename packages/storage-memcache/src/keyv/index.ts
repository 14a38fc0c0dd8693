export { KeyvMemcache } from './keyv-memcache.js'
export type { KeyvEntry, KeyvMemcacheOptions } from './keyv-memcache.js'

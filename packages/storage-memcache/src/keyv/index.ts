/**
 * A store for Keyv 5 and 6, and for what is built on them.
 *
 * @packageDocumentation
 */

export { KeyvMemcache } from './keyv-memcache.js'
export type { KeyvEntry, KeyvMemcacheOptions, KeyvMemcacheSettings } from './keyv-memcache.js'

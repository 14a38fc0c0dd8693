/**
 * A store for Keyv 5, and for what is built on it.
 *
 * @packageDocumentation
 */

export { KeyvMemcache } from './keyv-memcache.js'
export type { KeyvEntry, KeyvMemcacheOptions } from './keyv-memcache.js'

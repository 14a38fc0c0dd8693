/**
 * Serializers for values that other memcached clients write and read: the option `serializer` of `MemcacheClient`.
 * Also the compressions, for a serializer of your own.
 *
 * @packageDocumentation
 */

export {
  brotliCompression,
  gzipCompression,
  type ItemCompression,
  zlibCompression,
  zstdCompression,
} from '../client/index.js'
export { dalliSerializer } from './dalli.js'
export { memjsSerializer } from './memjs.js'
export { npmMemcachedSerializer } from './npm-memcached.js'
export { perlSerializer } from './perl.js'
export type { PerlOptions } from './perl.js'
export { phpSerializer } from './php.js'
export type { PhpOptions } from './php.js'
export { pythonSerializer } from './python.js'
export { spymemcachedSerializer } from './spymemcached.js'
export type { StringOptions } from './strings.js'

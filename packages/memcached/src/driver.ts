/**
 * For packages that take options of the client as part of their own.
 *
 * @packageDocumentation
 */

export { COMPRESSION_NAMES } from './client/compression.js'
export { REMOTE_NAMES } from './client/remote-options.js'

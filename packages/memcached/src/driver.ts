/**
 * For packages that take options of the client as part of their own.
 *
 * @packageDocumentation
 */

import { namesIn } from '@larder/storage-core/base'
import { REMOTE_OPTIONS } from './client/remote-options.js'

export { COMPRESSION_NAMES } from './client/compression.js'

/** The names of the options of a `RemoteCache`, for `checkOptionNames`. */
export const REMOTE_NAMES = namesIn(REMOTE_OPTIONS)

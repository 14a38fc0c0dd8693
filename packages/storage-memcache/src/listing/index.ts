/** Cached sets of names: chunks as they were read, and logs of what writers add. */

export { laneOf } from './lanes.js'
export { chunkKey, decodeHead, type Head, logKeys } from './listing-head.js'
export { Listing } from './listing.js'
export { decodeChunk } from './member-chunk.js'
export { bucketOf, decodeEntries, encodeEntries, entryBytes, type MemberEntry } from './member-log.js'
export { LogMerger } from './member-merge.js'
export { MemberSet } from './member-set.js'

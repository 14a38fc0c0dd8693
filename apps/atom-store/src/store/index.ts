/** Collections, entries and media on a storage, with hooks. */

export { AtomStore, type Workspace } from './atom-store.js'
export { Collection, type WriteRequest } from './collection.js'
export { checkConditions, type Conditions, isModifiedSince, type Tags, type Version } from './conditions.js'
export type { Entry } from './entry.js'
export type { FeedOptions, FeedPage, PagePlace } from './feed-page.js'
export type { HookEvent, Hooks } from './hooks.js'
export type { Media } from './media.js'
export { decodeSlug } from './slug.js'

/**
 * The API of npm `memcached` 2.2: a program that uses it changes the name of the package, and nothing else.
 *
 * @packageDocumentation
 */

import { Memcached } from './memcached.js'

export type { IssueDetails } from './issues.js'
export type { Callback, Versioned } from './key-commands.js'
export type { MemcachedOptions } from './options.js'
export type { Query } from './query.js'
export type { ListCallback } from './runner.js'
export type { Location } from './servers.js'
export type { DumpedItem, ServerVersion, Statistics } from './statistics.js'
export { Memcached }
export default Memcached
// What `require` answers with, as npm memcached: the class itself.
export { Memcached as 'module.exports' }

export { type CacheHome, chooseCache } from './cache.js'
export { describeDatabaseUrl, isSqlite, sqlitePathOf } from './database-url.js'
export { UsageError } from './usage-error.js'

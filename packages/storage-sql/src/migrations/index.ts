/** Migrations that create or adopt the tables. */

export { createChanges } from './create-changes.js'
export { larderMigrations, makeOutbox, type MigrationClass, outboxMigrations } from './migrations.js'
export { hasModifiedIndex, makeModifiedIndex } from './modified-index.js'
export { pathsFor } from './paths.js'
export { checkSchema } from './schema-version.js'

import type { DataSource, EntityManager } from 'typeorm'

/** By the mark that TypeORM itself goes by, which is the same in all of its copies. */
export function isDataSource(target: unknown): target is DataSource {
  return markOf(target) === Symbol.for('DataSource')
}

/** The same for an `EntityManager`. */
export function isEntityManager(target: unknown): target is EntityManager {
  return markOf(target) === Symbol.for('EntityManager')
}

function markOf(target: unknown): unknown {
  return (target as { readonly '@instanceof'?: unknown } | null | undefined)?.['@instanceof']
}

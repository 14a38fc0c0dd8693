import type { DataSource } from 'typeorm'

/** By the mark that TypeORM itself goes by, which is the same in all of its copies. */
export function isDataSource(target: unknown): target is DataSource {
  const mark = (target as { readonly '@instanceof'?: unknown } | null | undefined)?.['@instanceof']
  return mark === Symbol.for('DataSource')
}

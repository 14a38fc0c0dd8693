import type { DataSource } from 'typeorm'
import { type TableName, TABLES } from '../entities/index.js'

/** The tables' names as they are written in SQL, in the schema of the data source where it has one. */
export function pathsFor(
  { options, driver }: DataSource,
  prefix: string,
): Readonly<Record<TableName, string>> {
  const schema = 'schema' in options ? options.schema : undefined
  const paths = TABLES.map((table) => {
    const names = schema === undefined ? [prefix + table] : [schema, prefix + table]
    return [table, names.map((name) => driver.escape(name)).join('.')]
  })
  return Object.fromEntries(paths) as Record<TableName, string>
}

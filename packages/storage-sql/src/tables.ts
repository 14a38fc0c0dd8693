import type { DataSource } from 'typeorm'
import { COLUMNS, entitiesOf, familyOf, type TableName, TABLES } from './entities/index.js'

/** The tables' names as they are written in SQL, schema and quotes included. */
export type TablePaths = Readonly<Record<TableName, string>>

/** Throws a `TypeError` where the data source does not know the entities. */
export function tablePathsOf(dataSource: DataSource, prefix: string): TablePaths {
  const { type } = dataSource.options
  const entities = entitiesOf(familyOf(type), prefix)
  const missing = TABLES.filter((table) => !dataSource.hasMetadata(entities[table]))
  if (missing.length > 0) {
    throw new TypeError(
      `The data source lacks the entities ${missing.map((table) => prefix + table).join(', ')}: ` +
        `add ...larderEntities('${type}') to its entities`,
    )
  }
  const paths = TABLES.map((table) => {
    const { tableName, schema, columns } = dataSource.getMetadata(entities[table])
    const found = columns.map(({ databaseName }) => databaseName)
    if (tableName !== prefix + table || !COLUMNS[table].every((column) => found.includes(column))) {
      throw new TypeError(
        `The data source names the table ${prefix + table} or its columns ${tableName} (${found.join(', ')}): ` +
          'it must have no entityPrefix and no namingStrategy; use tablePrefix instead',
      )
    }
    const names = type === 'postgres' && schema !== undefined ? [schema, tableName] : [tableName]
    return [table, names.map((name) => dataSource.driver.escape(name)).join('.')]
  })
  return Object.fromEntries(paths) as TablePaths
}

/** The tables as TypeORM's entities. */

export type { EntityClass } from './container.js'
export { entitiesOf, larderEntities } from './entities.js'
export { type DatabaseType, type Family, familyOf } from './family.js'
export {
  COLUMNS,
  DEFAULT_TABLE_PREFIX,
  MIGRATION_OPTIONS,
  type MigrationOptions,
  modifiedIndexName,
  ORDER_OPTIONS,
  TABLE_OPTIONS,
  type TableName,
  type TableOptions,
  tablePrefixOf,
  TABLES,
} from './tables.js'

import type { ColumnType, DataSourceOptions } from 'typeorm'

/** The databases that differ from each other here; MySQL and MariaDB are one. */
export type Family = 'postgres' | 'mysql' | 'sqlite'

const FAMILIES: Readonly<Partial<Record<DataSourceOptions['type'], Family>>> = Object.freeze({
  postgres: 'postgres',
  mysql: 'mysql',
  mariadb: 'mysql',
  'better-sqlite3': 'sqlite',
})

/** The TypeORM types of data source that can be used. */
export type DatabaseType = 'postgres' | 'mysql' | 'mariadb' | 'better-sqlite3'

/** Throws a `TypeError` for a type of data source that is not supported. */
export function familyOf(type: DataSourceOptions['type']): Family {
  const family = FAMILIES[type]
  if (family === undefined) {
    throw new TypeError(
      `A data source of type ${type} cannot be used; use ${Object.keys(FAMILIES).join(', ')}`,
    )
  }
  return family
}

interface ColumnKind {
  readonly type: ColumnType
  readonly length?: number
  readonly collation?: string
}

type Types = Readonly<Record<'id' | 'smallId' | 'number' | 'flag' | 'bytes' | 'json', ColumnKind>> & {
  /** Compared by bytes, trailing spaces included. */
  readonly name: (maxBytes: number) => ColumnKind
}

// MySQL's text collations without padding are named differently in MariaDB; binary columns are the same in both.
export const COLUMN_TYPES: Readonly<Record<Family, Types>> = {
  postgres: {
    id: { type: 'bigint' },
    smallId: { type: 'integer' },
    number: { type: 'bigint' },
    flag: { type: 'smallint' },
    bytes: { type: 'bytea' },
    json: { type: 'text' },
    name: () => ({ type: 'text', collation: 'C' }),
  },
  mysql: {
    id: { type: 'bigint' },
    smallId: { type: 'int' },
    number: { type: 'bigint' },
    flag: { type: 'smallint' },
    bytes: { type: 'mediumblob' },
    json: { type: 'mediumtext' },
    name: (maxBytes) => ({ type: 'varbinary', length: maxBytes }),
  },
  sqlite: {
    id: { type: 'integer' },
    smallId: { type: 'integer' },
    number: { type: 'integer' },
    flag: { type: 'integer' },
    bytes: { type: 'blob' },
    json: { type: 'text' },
    name: () => ({ type: 'text' }),
  },
}

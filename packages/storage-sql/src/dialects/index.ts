/** Statements and sessions where PostgreSQL, MySQL, MariaDB and SQLite differ. */

export type { Dialect, Limits } from './dialect.js'
export { mysqlDialect } from './mysql.js'
export { postgres } from './postgres.js'
export { sqlite } from './sqlite.js'
export {
  asBuffer,
  asciiJson,
  binaryOf,
  joinSql,
  numberOf,
  optionalNumber,
  type Outcome,
  type Row,
  type Statement,
  statement,
  type Value,
} from './statement.js'

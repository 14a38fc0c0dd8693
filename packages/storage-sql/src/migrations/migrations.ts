import type { MigrationInterface, QueryRunner } from 'typeorm'
import { type DatabaseType, type Family, familyOf } from '../entities/family.js'
import { DEFAULT_TABLE_PREFIX, type TableOptions, TABLES, tablePrefixOf } from '../entities/tables.js'
import { CREATE_TABLES } from './create-tables.js'
import { pathsFor } from './paths.js'

export type MigrationClass = new () => MigrationInterface

/**
 * The migrations for the `migrations` of a `DataSource` of your own. Throws a `TypeError` for a type that is not
 * supported.
 */
export function larderMigrations(type: DatabaseType, options: TableOptions = {}): MigrationClass[] {
  return [firstMigration(familyOf(type), tablePrefixOf(options))]
}

function firstMigration(family: Family, prefix: string): MigrationClass {
  // TypeORM reads the time of a migration from the end of its name, and knows those that have run by it.
  const mark = prefix === DEFAULT_TABLE_PREFIX ? '' : `_${prefix}_`
  return class LarderTables implements MigrationInterface {
    readonly name = `LarderTables${mark}1764000000000`

    async up(runner: QueryRunner): Promise<void> {
      for (const sql of CREATE_TABLES[family](pathsFor(runner, prefix), prefix)) await runner.query(sql)
    }

    async down(runner: QueryRunner): Promise<void> {
      const paths = pathsFor(runner, prefix)
      for (const table of [...TABLES].reverse()) await runner.query(`DROP TABLE ${paths[table]}`)
    }
  }
}

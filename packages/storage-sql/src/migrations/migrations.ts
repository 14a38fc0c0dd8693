import { resolveOptions } from '@larder/storage-core/base'
import type { MigrationInterface, QueryRunner } from 'typeorm'
import {
  type DatabaseType,
  DEFAULT_TABLE_PREFIX,
  type Family,
  familyOf,
  MIGRATION_OPTIONS,
  type MigrationOptions,
  type TableOptions,
  tablePrefixOf,
} from '../entities/index.js'
import { adoptOrMake } from './adopt.js'
import { CHANGE_TABLES, createChanges } from './create-changes.js'
import { CREATE_TABLES, FIRST_TABLES } from './create-tables.js'
import { dropModifiedIndex, makeModifiedIndex } from './modified-index.js'
import { pathsFor } from './paths.js'
import { raiseSchema, SCHEMA_VERSION } from './schema-version.js'

/** A migration class, as TypeORM takes it. */
export type MigrationClass = new () => MigrationInterface

/**
 * The migrations for the `migrations` of a `DataSource` of your own. Throws a `TypeError` for a type that is not
 * supported. With `orderByModified`, one more makes the index that a storage with this option needs.
 */
export function larderMigrations(type: DatabaseType, options: MigrationOptions = {}): MigrationClass[] {
  const family = familyOf(type)
  const resolved = resolveOptions('larderMigrations', MIGRATION_OPTIONS, options)
  const { tablePrefix: prefix, orderByModified } = resolved
  const always = [tables(family, prefix), changes(family, prefix)]
  return orderByModified ? [...always, modifiedOrder(family, prefix)] : always
}

/**
 * The migration for programs that open a `SqlOutbox` and no `SqlStorage`: its only table. Beside `larderMigrations` it
 * does nothing. Throws a `TypeError` for a type that is not supported.
 */
export function outboxMigrations(type: DatabaseType, options: TableOptions = {}): MigrationClass[] {
  return [outbox(familyOf(type), tablePrefixOf('outboxMigrations', options))]
}

/** Makes the table of the outbox where it is missing. */
export async function makeOutbox(runner: QueryRunner, family: Family, prefix: string): Promise<void> {
  const paths = pathsFor(runner.dataSource, prefix)
  const own = CREATE_TABLES[family](paths, prefix).filter((sql) => sql.includes(paths.journal))
  await adoptOrMake({ runner, family, prefix, paths }, ['journal'], own)
}

function outbox(family: Family, prefix: string): MigrationClass {
  return class LarderOutbox implements MigrationInterface {
    readonly name = nameOf('LarderOutbox', prefix, 1763900000000)

    async up(runner: QueryRunner): Promise<void> {
      await makeOutbox(runner, family, prefix)
    }

    async down(runner: QueryRunner): Promise<void> {
      await runner.query(`DROP TABLE ${pathsFor(runner.dataSource, prefix).journal}`)
    }
  }
}

function tables(family: Family, prefix: string): MigrationClass {
  return class LarderTables implements MigrationInterface {
    readonly name = nameOf('LarderTables', prefix, 1764000000000)

    async up(runner: QueryRunner): Promise<void> {
      const paths = pathsFor(runner.dataSource, prefix)
      await adoptOrMake({ runner, family, prefix, paths }, FIRST_TABLES, CREATE_TABLES[family](paths, prefix))
      await raiseSchema(runner, family, paths.schema, { version: 1, name: this.name })
    }

    async down(runner: QueryRunner): Promise<void> {
      const paths = pathsFor(runner.dataSource, prefix)
      for (const table of FIRST_TABLES) await runner.query(`DROP TABLE ${paths[table]}`)
    }
  }
}

/** What triggers write to; they are installed and removed by themselves. */
function changes(family: Family, prefix: string): MigrationClass {
  return class LarderChanges implements MigrationInterface {
    readonly name = nameOf('LarderChanges', prefix, 1764100000000)

    async up(runner: QueryRunner): Promise<void> {
      const paths = pathsFor(runner.dataSource, prefix)
      await adoptOrMake(
        { runner, family, prefix, paths },
        CHANGE_TABLES,
        createChanges(family, paths, prefix),
      )
      await raiseSchema(runner, family, paths.schema, { version: SCHEMA_VERSION, name: this.name })
    }

    async down(runner: QueryRunner): Promise<void> {
      const paths = pathsFor(runner.dataSource, prefix)
      for (const table of CHANGE_TABLES) await runner.query(`DROP TABLE ${paths[table]}`)
    }
  }
}

/** Optional, so it does not change the version of the schema. */
function modifiedOrder(family: Family, prefix: string): MigrationClass {
  return class LarderModifiedOrder implements MigrationInterface {
    readonly name = nameOf('LarderModifiedOrder', prefix, 1764200000000)

    async up(runner: QueryRunner): Promise<void> {
      await makeModifiedIndex({ runner, family, prefix, paths: pathsFor(runner.dataSource, prefix) })
    }

    async down(runner: QueryRunner): Promise<void> {
      await dropModifiedIndex({ runner, family, prefix, paths: pathsFor(runner.dataSource, prefix) })
    }
  }
}

/** TypeORM reads the time of a migration from the end of its name, and knows those that have run by it. */
function nameOf(name: string, prefix: string, time: number): string {
  return `${name}${prefix === DEFAULT_TABLE_PREFIX ? '' : `_${prefix}_`}${time}`
}

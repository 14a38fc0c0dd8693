import { StorageError } from '@larder/storage-core'
import type { QueryRunner } from 'typeorm'
import type { Family } from '../entities/index.js'

/** Raised with each migration. */
export const SCHEMA_VERSION = 2

interface Schema {
  readonly version: number
  /** The migration's. */
  readonly name: string
}

type Ask = (table: string) => string

const INSERTS: Readonly<Record<Family, Ask>> = Object.freeze({
  postgres: (table) => `INSERT INTO ${table} (id, version, name) VALUES (1, 0, '') ON CONFLICT DO NOTHING`,
  mysql: (table) =>
    `INSERT INTO ${table} (id, version, name) VALUES (1, 0, '') ON DUPLICATE KEY UPDATE id = id`,
  sqlite: (table) => `INSERT INTO ${table} (id, version, name) VALUES (1, 0, '') ON CONFLICT DO NOTHING`,
})

/** Records that the tables are of this version, unless they are of a newer one. */
export async function raiseSchema(
  runner: QueryRunner,
  family: Family,
  table: string,
  { version, name }: Schema,
): Promise<void> {
  await runner.query(INSERTS[family](table))
  // Numbers, and a name of letters, digits and underscores.
  await runner.query(`UPDATE ${table} SET version = ${version}, name = '${name}' WHERE version < ${version}`)
}

/** Throws `E_UNSUPPORTED` where a newer version of this package has changed the tables. */
export async function checkSchema(runner: QueryRunner, table: string): Promise<void> {
  const rows = (await runner.query(`SELECT version, name FROM ${table} WHERE id = 1`)) as {
    readonly version: unknown
    readonly name: unknown
  }[]
  const version = Number(rows[0]?.version ?? 0)
  if (version <= SCHEMA_VERSION) return
  throw new StorageError(
    'E_UNSUPPORTED',
    `The tables are of schema ${version} (${String(rows[0]?.name)}), and this version of @larder/storage-sql knows ` +
      `schema ${SCHEMA_VERSION}: update the package`,
  )
}

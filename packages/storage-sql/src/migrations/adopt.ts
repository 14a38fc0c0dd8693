import { StorageError } from '@larder/storage-core'
import type { QueryRunner } from 'typeorm'
import { COLUMNS, type Family, type TableName } from '../entities/index.js'
import { checkSchema } from './schema-version.js'

interface Target {
  readonly runner: QueryRunner
  readonly family: Family
  readonly prefix: string
  readonly paths: Readonly<Record<TableName, string>>
}

/**
 * Runs `statements`, which leave tables that exist as they are, after a check that those are Larder's: another data
 * source, `SqlStorage.open` or `synchronize` may have made them. Rejects with `E_UNSUPPORTED` for another program's,
 * and for those of a newer schema.
 */
export async function adoptOrMake(
  target: Target,
  tables: readonly TableName[],
  statements: readonly string[],
): Promise<void> {
  const { runner, paths } = target
  if ((await columnsOf(target, 'schema')).length > 0) await checkSchema(runner, paths.schema)
  for (const table of tables) await checkColumns(target, table)
  for (const sql of statements) await runner.query(sql)
}

/** None where there is no such table. */
async function columnsOf(target: Target, table: TableName): Promise<readonly string[]> {
  const { runner, family, prefix, paths } = target
  const [sql, values] = LOOKS[family](paths[table], prefix + table)
  const rows = (await runner.query(sql, values)) as { readonly name: unknown }[]
  return rows.map(({ name }) => String(name))
}

async function checkColumns(target: Target, table: TableName): Promise<void> {
  const { prefix } = target
  const found = await columnsOf(target, table)
  if (found.length === 0) return
  const missing = COLUMNS[table].filter((column) => !found.includes(column))
  if (missing.length === 0) return
  throw new StorageError(
    'E_UNSUPPORTED',
    `The table ${prefix + table} exists and lacks the columns ${missing.join(', ')}: it is another program's, or of ` +
      'another version. Use another tablePrefix, or rename the table',
  )
}

type Look = (path: string, name: string) => readonly [sql: string, values: unknown[]]

const LOOKS: Readonly<Record<Family, Look>> = Object.freeze({
  postgres: (path) => [
    'SELECT attname AS name FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped',
    [path],
  ],
  mysql: (_path, name) => [
    'SELECT column_name AS name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ?',
    [name],
  ],
  sqlite: (_path, name) => ['SELECT name FROM pragma_table_info(?)', [name]],
})

import type { QueryRunner } from 'typeorm'
import { type Family, modifiedIndexName, type TableName } from '../entities/index.js'

export interface IndexPlace {
  readonly runner: QueryRunner
  readonly family: Family
  readonly prefix: string
  readonly paths: Readonly<Record<TableName, string>>
}

/** Whether the index of the order by modification is there and can be used. */
export async function hasModifiedIndex({ runner, family, prefix, paths }: IndexPlace): Promise<boolean> {
  const [sql, values] = LOOKS[family](paths.resource, `${prefix}resource`, modifiedIndexName(prefix))
  return ((await runner.query(sql, values)) as unknown[]).length > 0
}

/** Leaves an existing index unchanged: on a large table it may have been made before, without locking writers. */
export async function makeModifiedIndex(place: IndexPlace): Promise<void> {
  if (await hasModifiedIndex(place)) return
  const { runner, prefix, paths } = place
  const columns = ['container_id', 'live', 'modified_us', 'name']
  const name = runner.dataSource.driver.escape(modifiedIndexName(prefix))
  await runner.query(`CREATE INDEX ${name} ON ${paths.resource} (${columns.join(', ')})`)
}

export async function dropModifiedIndex(place: IndexPlace): Promise<void> {
  if (!(await hasModifiedIndex(place))) return
  const { runner, family, prefix, paths } = place
  const name = runner.dataSource.driver.escape(modifiedIndexName(prefix))
  if (family === 'mysql') await runner.query(`DROP INDEX ${name} ON ${paths.resource}`)
  else await runner.query(`DROP INDEX ${[...paths.resource.split('.').slice(0, -1), name].join('.')}`)
}

type Look = (path: string, table: string, index: string) => readonly [sql: string, values: unknown[]]

const LOOKS: Readonly<Record<Family, Look>> = Object.freeze({
  // One that was made concurrently, and failed, is there and not valid.
  postgres: (path, _table, index) => [
    'SELECT 1 FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid ' +
      'WHERE i.indrelid = to_regclass($1) AND c.relname = $2 AND i.indisvalid',
    [path, index],
  ],
  mysql: (_path, table, index) => [
    'SELECT 1 FROM information_schema.statistics ' +
      'WHERE table_schema = DATABASE() AND table_name = ? AND index_name = ? LIMIT 1',
    [table, index],
  ],
  sqlite: (_path, table, index) => [
    "SELECT 1 FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND name = ?",
    [table, index],
  ],
})

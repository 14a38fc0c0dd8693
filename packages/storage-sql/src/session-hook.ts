import { StorageError } from '@larder/storage-core'
import { processWide } from '@larder/storage-core/driver'
import type { DataSource, QueryRunner } from 'typeorm'
import { toStorageError } from './sql-errors.js'

/** A new connection to the database, before anything else uses it. */
export interface SqlSession {
  /** Resolves to the rows, with the driver's own placeholders for `values`. */
  readonly query: (
    sql: string,
    values?: readonly unknown[],
  ) => Promise<readonly Readonly<Record<string, unknown>>[]>
}

/** Prepares a new connection; the connection is closed where it rejects. */
export type SessionHook = (session: SqlSession) => Promise<void>

const hooks = processWide('storage-sql/session-hooks@1', () => new WeakMap<DataSource, SessionHook>())
const done = processWide('storage-sql/session-hooks-done@1', () => new WeakSet<object>())

/** Throws a `TypeError` where the data source has another hook: which of them ran would be chance. */
export function setSessionHook(dataSource: DataSource, hook: SessionHook | undefined): void {
  if (hook === undefined) return
  if ((hooks.get(dataSource) ?? hook) !== hook) {
    throw new TypeError('The data source has another onSession already: give all of its storages the same')
  }
  hooks.set(dataSource, hook)
}

export function sessionHookOf(dataSource: DataSource): SessionHook | undefined {
  return hooks.get(dataSource)
}

/** Once for each connection of the pool. One whose hook has failed must not be used. */
export async function callSessionHook(runner: QueryRunner): Promise<void> {
  const hook = hooks.get(runner.dataSource)
  if (hook === undefined) return
  const client = (await runner.connect()) as object
  if (done.has(client)) return
  await runSessionHook(hook, async (sql, values = []) => rowsOf(await runner.query(sql, [...values])))
  done.add(client)
}

/** Rejects with `E_STORAGE_UNAVAILABLE` where the hook rejects. */
export async function runSessionHook(hook: SessionHook, query: SqlSession['query']): Promise<void> {
  try {
    await hook({ query })
  } catch (cause) {
    const { message } = toStorageError(cause)
    throw new StorageError('E_STORAGE_UNAVAILABLE', `onSession has failed: ${message}`, { cause })
  }
}

function rowsOf(result: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(result) ? (result as Readonly<Record<string, unknown>>[]) : []
}

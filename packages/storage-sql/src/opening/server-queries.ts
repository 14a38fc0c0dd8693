import type { DataSource, QueryRunner } from 'typeorm'
import { SERVER_ANSWERS_WITHIN_MS, withTimeout } from '../connections/index.js'
import { callSessionHook } from '../session-hook.js'
import { type Dialect, type Limits, mysqlDialect, postgres, sqlite } from '../dialects/index.js'
import { type Family, familyOf } from '../entities/index.js'
import { isInDoubt } from '../sql-errors.js'

const DIALECTS: Readonly<Record<Family, Dialect>> = Object.freeze({
  postgres,
  mysql: mysqlDialect(true),
  sqlite,
})

/** Rejects when the server does not answer in time. */
export function queryServer<T>(work: Promise<T>, { statementTimeoutMs }: Limits): Promise<T> {
  return withTimeout(work, statementTimeoutMs + SERVER_ANSWERS_WITHIN_MS, 'The queryServer at the tables')
}

/** Gives `work` a connection, which is closed instead of given back where it does not answer in time. */
export async function withRunner<T>(
  dataSource: DataSource,
  work: (runner: QueryRunner) => Promise<T>,
): Promise<T> {
  const runner = dataSource.createQueryRunner('master')
  let answers = true
  try {
    await callSessionHook(runner)
    return await work(runner)
  } catch (error) {
    answers = !isInDoubt(error)
    throw error
  } finally {
    if (answers) await runner.release()
    else DIALECTS[familyOf(dataSource.options.type)].discard(runner).catch(() => undefined)
  }
}

import type { DataSource, QueryRunner } from 'typeorm'
import { SERVER_ANSWERS_WITHIN_MS } from '../connections/connection.js'
import { callSessionHook } from '../session-hook.js'
import { within } from '../connections/within.js'
import type { Dialect, Limits } from '../dialects/dialect.js'
import { mysqlDialect } from '../dialects/mysql.js'
import { postgres } from '../dialects/postgres.js'
import { sqlite } from '../dialects/sqlite.js'
import { type Family, familyOf } from '../entities/family.js'
import { isInDoubt } from '../sql-errors.js'

const DIALECTS: Readonly<Record<Family, Dialect>> = Object.freeze({
  postgres,
  mysql: mysqlDialect(true),
  sqlite,
})

/** A look at the server: what it does not answer by then it does not answer at all. */
export function look<T>(work: Promise<T>, { statementTimeoutMs }: Limits): Promise<T> {
  return within(work, statementTimeoutMs + SERVER_ANSWERS_WITHIN_MS, 'The look at the tables')
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

import { requestChannel } from '@larder/storage-core'
import { traceWork } from '@larder/storage-core/driver'
import type { Dialect, Statement } from '../dialects/index.js'
import type { Family } from '../entities/index.js'

/** As OpenTelemetry's `db.system.name`. MariaDB is spoken to as MySQL. */
export const SYSTEMS: Readonly<Record<Family, string>> = Object.freeze({
  postgres: 'postgresql',
  mysql: 'mysql',
  sqlite: 'sqlite',
})

/** Publishes the events of statements that are sent together. */
export function watched<T>(
  { family }: Dialect,
  statements: readonly Statement[],
  work: () => Promise<T>,
): Promise<T> {
  if (!requestChannel.hasSubscribers) return work()
  const verbs = new Set(statements.map(({ sql }) => verbOf(sql)))
  const [verb = 'BATCH'] = verbs
  return traceWork(
    requestChannel,
    {
      system: SYSTEMS[family],
      operation: verbs.size === 1 ? verb : 'BATCH',
      items: statements.length,
      server: undefined,
      statement: statements.map(({ sql }) => sql.trim()).join('; '),
    },
    work,
  )
}

function verbOf(sql: string): string {
  return /^\W*(\w+)/.exec(sql)?.[1]?.toUpperCase() ?? 'OTHER'
}

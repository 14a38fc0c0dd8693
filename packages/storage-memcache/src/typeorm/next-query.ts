/** What is used of TypeORM's query runner, of its versions 0.3 and 1. */
interface Runner {
  query: (...args: unknown[]) => Promise<unknown>
}

/** The rows as the driver has returned them. */
interface RunnerResult {
  readonly records?: unknown
}

/**
 * Lets `answer` stand in for the next call of `runner.query`, if that comes in the same turn. TypeORM asks whether a
 * result is expired and then queries, without waiting in between, so no other query can get here, even where all
 * queries share one runner, as on SQLite.
 */
export function answerNextQuery(
  queryRunner: object,
  answer: (run: () => Promise<RunnerResult | undefined>) => Promise<unknown>,
): void {
  const runner = queryRunner as Runner
  const original = runner.query
  const isOwn = Object.hasOwn(runner, 'query')
  const restore = (): void => {
    if (runner.query !== replaced) return
    if (isOwn) runner.query = original
    else Reflect.deleteProperty(runner, 'query')
  }
  const replaced = (...args: unknown[]): Promise<unknown> => {
    restore()
    return answer(() => original.apply(runner, args) as Promise<RunnerResult | undefined>)
  }
  runner.query = replaced
  queueMicrotask(restore)
}

/** Whether `answerNextQuery` can be used. */
export function isRunner(queryRunner: unknown): queryRunner is object {
  const query = (queryRunner as Partial<Runner> | undefined)?.query
  return typeof query === 'function'
}

interface PostgresTypes {
  readonly types?: { readonly getTypeParser?: (oid: number) => unknown }
}
interface HasDriver {
  readonly driver?: { readonly postgres?: PostgresTypes }
}
const INTERVAL_OID = 1186

/** How node-postgres parses an interval; undefined for other databases. */
export function intervalParserOf(queryRunner: unknown): ((text: string) => unknown) | undefined {
  const { dataSource, connection } = (queryRunner ?? {}) as { dataSource?: HasDriver; connection?: HasDriver }
  const parse = (dataSource ?? connection)?.driver?.postgres?.types?.getTypeParser?.(INTERVAL_OID)
  return typeof parse === 'function' ? (parse as (text: string) => unknown) : undefined
}

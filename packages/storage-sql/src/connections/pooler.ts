import { withTimeout } from './with-timeout.js'

/** The little of `pg`'s client that is used. */
export interface PostgresSession {
  /** Of the server's process, as the server said when the connection was made; a pooler says a number of its own. */
  readonly processID: number | null
  query(sql: string, values?: readonly unknown[]): Promise<{ readonly rows: readonly unknown[] }>
}

/** The little of `pg`'s pool that is used. */
export interface PostgresPool {
  connect(): Promise<PostgresSession & { release(): void }>
}

// A pooler gives a server's connection to the next client. Several rounds make the answer certain under load.
const ROUNDS = 5
const ANSWERS_WITHIN_MS = 1_000

/**
 * Whether a pooler gives each transaction of `session` any of several connections to the server, as PgBouncer does in
 * transaction mode. `pool` has the same way to the server. Undefined: that cannot be known now, because `pool` has no
 * connection to give, or an answer did not come in time.
 */
export async function isTransactionPooled(
  session: PostgresSession,
  pool: PostgresPool,
): Promise<boolean | undefined> {
  const first = await processOf(session)
  if (first === session.processID) return false
  const connecting = pool.connect()
  const holder = await withTimeout(connecting, ANSWERS_WITHIN_MS, 'A connection').catch(() => undefined)
  if (holder === undefined) {
    // The pool may give it later: it must not be kept then.
    connecting.then(
      (late) => late.release(),
      () => undefined,
    )
    return undefined
  }
  try {
    for (let round = 0; round < ROUNDS; round++) {
      if (await isShared(session, holder, first)) return true
    }
    return false
  } catch {
    return undefined
  } finally {
    holder.release()
  }
}

/**
 * Whether the session shares its connection to the server. A pooler gives the next transaction a free connection, as a rule
 * the one used last: the session asks first, so that the holder gets its connection, or another one in turn.
 */
async function isShared(session: PostgresSession, holder: PostgresSession, first: number): Promise<boolean> {
  if ((await withTimeout(processOf(session), ANSWERS_WITHIN_MS, 'The session')) !== first) return true
  await withTimeout(holder.query('BEGIN'), ANSWERS_WITHIN_MS, 'A transaction')
  const held = await withTimeout(processOf(holder), ANSWERS_WITHIN_MS, 'A transaction')
  // Where the pooler has one connection to the server, the session waits.
  const process = await withTimeout(processOf(session), ANSWERS_WITHIN_MS, 'The session').catch(
    () => undefined,
  )
  await withTimeout(holder.query('ROLLBACK'), ANSWERS_WITHIN_MS, 'A rollback')
  return held === first || process !== first
}

async function processOf(session: PostgresSession): Promise<number> {
  const { rows } = await session.query('SELECT pg_backend_pid() AS pid')
  return Number((rows[0] as { readonly pid: unknown } | undefined)?.pid)
}

import { createHash } from 'node:crypto'
import { type Statement, statement } from '../dialects/index.js'

/** The statements of one lock. Each answers with one row and in it `got`. */
export interface LockStatements {
  readonly take: Statement
  /** Whether this session has it. */
  readonly look: Statement
  readonly release: Statement
}

/** What a server's advisory locks look like, which end with their session. */
export interface AdvisoryDialect {
  /** Lets the server end the session when nothing was heard of it for that long, where it can. */
  endWhenIdle(ms: number): Statement
  /** `scope` keeps the locks of one database and prefix from those of others. */
  statements(scope: string, name: string): LockStatements
}

function digest(scope: string, name: string): Buffer {
  return createHash('sha256').update(`larder lock\0${scope}\0${name}`).digest()
}

export const ADVISORY: Readonly<Record<'postgres' | 'mysql', AdvisoryDialect>> = Object.freeze({
  postgres: {
    // Before version 14 there is no such setting, and a session ends when its connection is found broken.
    endWhenIdle: (ms) =>
      statement(
        `SELECT set_config(name, ?, false) FROM pg_settings WHERE name = 'idle_session_timeout'`,
        String(ms),
      ),
    statements: (scope, name) => {
      const key = digest(scope, name)
      const [high, low] = [key.readUInt32BE(0), key.readUInt32BE(4)].map(String)
      const whole = key.readBigInt64BE().toString()
      return {
        take: statement('SELECT pg_try_advisory_lock(?::bigint) AS got', whole),
        look: statement(
          `SELECT count(*) > 0 AS got FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() ` +
            'AND objsubid = 1 AND classid::bigint = ?::bigint AND objid::bigint = ?::bigint AND granted',
          high ?? '',
          low ?? '',
        ),
        release: statement('SELECT pg_advisory_unlock(?::bigint) AS got', whole),
      }
    },
  },
  mysql: {
    endWhenIdle: (ms) => statement(`SET SESSION wait_timeout = ${Math.max(1, Math.ceil(ms / 1_000))}`),
    statements: (scope, name) => {
      // At most 64 characters.
      const key = digest(scope, name).toString('hex').slice(0, 60)
      return {
        take: statement('SELECT GET_LOCK(?, 0) AS got', key),
        look: statement('SELECT IS_USED_LOCK(?) = CONNECTION_ID() AS got', key),
        release: statement('SELECT RELEASE_LOCK(?) AS got', key),
      }
    },
  },
})

import type { StorageErrorCode } from '@larder/storage-core'

/** What an error of a database means. */
export interface Fault {
  readonly code: StorageErrorCode
  /** The transaction collided with another and can be repeated. */
  readonly collided?: true
  /** The connection cannot be used any more. */
  readonly lost?: true
  /** Whether the statement was executed is not known. */
  readonly inDoubt?: true
  /** In answer to COMMIT it says that the transaction was rolled back, or that COMMIT was never sent. */
  readonly undone?: true
  /** A row that is referred to is gone. */
  readonly orphan?: true
  /** The server is no primary (any more), and neither are others that connections made before lead to. */
  readonly demoted?: true
  /** Nothing was changed, and a fresh connection can help. */
  readonly stale?: true
  /** Not an error that is known here. */
  readonly unknown?: true
}

export const COLLIDED: Fault = { code: 'E_CONFLICT', collided: true, undone: true }
export const LOST: Fault = { code: 'E_STORAGE_UNAVAILABLE', lost: true, inDoubt: true }
export const UNSENT: Fault = { code: 'E_STORAGE_UNAVAILABLE', lost: true, undone: true }
const REFUSED: Fault = { code: 'E_STORAGE_UNAVAILABLE' }
const LOCKED: Fault = { code: 'E_LOCK_TIMEOUT' }
const ORPHAN: Fault = { code: 'E_CONFLICT', orphan: true, undone: true }
const TIMED_OUT: Fault = { code: 'E_TIMEOUT' }
const TOO_LARGE: Fault = { code: 'E_TOO_LARGE' }
// A primary that has become a standby, a server set read-only, a Galera node without quorum.
const WRONG_SERVER: Fault = {
  code: 'E_STORAGE_UNAVAILABLE',
  demoted: true,
  lost: true,
  stale: true,
}
/** `ha_commit_trans` of MySQL and MariaDB rolls back before it answers COMMIT so. */
const READ_ONLY_SERVER: Fault = { ...WRONG_SERVER, undone: true }
export const UNDONE: Fault = { code: 'E_SERVER', undone: true }
const UNKNOWN: Fault = { code: 'E_SERVER', unknown: true }

// PgBouncer in statement mode, in answer to BEGIN.
const NO_TRANSACTIONS = /not allowed in statement pooling mode/
const UNSUPPORTED: Fault = { code: 'E_UNSUPPORTED', undone: true }

// https://www.postgresql.org/docs/current/errcodes-appendix.html
const POSTGRES: Readonly<Record<string, Fault>> = {
  '23503': ORPHAN,
  '23505': COLLIDED,
  '40001': COLLIDED,
  '40P01': COLLIDED,
  // "Statement completion unknown".
  '40003': { code: 'E_SERVER', inDoubt: true },
  '55P03': LOCKED,
  '57014': TIMED_OUT,
  // PostgreSQL never answers COMMIT with it.
  '25006': WRONG_SERVER,
  '25P03': { code: 'E_TIMEOUT', lost: true },
  '25P04': { code: 'E_TIMEOUT', lost: true },
  '57P01': LOST,
  '57P02': LOST,
  '57P03': LOST,
  '57P05': LOST,
  '53300': REFUSED,
  '28000': REFUSED,
  '28P01': REFUSED,
  '3D000': REFUSED,
  '42501': REFUSED,
  '53100': REFUSED,
  '54000': TOO_LARGE,
}

// By the first two characters: constraints that are checked at COMMIT, and transactions that were rolled back.
const POSTGRES_CLASSES: Readonly<Record<string, Fault>> = {
  '08': LOST,
  '23': UNDONE,
  '40': UNDONE,
}

// https://mariadb.com/kb/en/mariadb-error-code-reference/ and the MySQL server error reference
const MYSQL: Readonly<Record<number, Fault>> = {
  1020: COLLIDED,
  1062: COLLIDED,
  // Galera answers COMMIT with it as well, where another node's transaction came first.
  1213: COLLIDED,
  1452: ORPHAN,
  // COMMIT waits for FLUSH TABLES WITH READ LOCK; when that takes too long the server rolls back.
  1205: { ...LOCKED, undone: true },
  3572: LOCKED,
  1317: TIMED_OUT,
  1969: TIMED_OUT,
  3024: TIMED_OUT,
  1053: LOST,
  1927: LOST,
  4031: LOST,
  // A full disk.
  1021: REFUSED,
  1114: REFUSED,
  // Missing rights.
  1142: REFUSED,
  1143: REFUSED,
  1227: REFUSED,
  1370: REFUSED,
  1040: REFUSED,
  1044: REFUSED,
  1045: REFUSED,
  1049: REFUSED,
  1203: REFUSED,
  1226: REFUSED,
  1153: TOO_LARGE,
  // binlog_format=STATEMENT at READ COMMITTED.
  1665: UNSUPPORTED,
  // Galera: "WSREP has not yet prepared node for application use".
  1047: { ...WRONG_SERVER, undone: true },
  1792: WRONG_SERVER,
  1836: WRONG_SERVER,
}

// 1290 names the option that forbids the statement.
const MYSQL_OPTION = 1_290
const READ_ONLY_OPTION = /read[-_]only/i

// Errors of the client library, which middlemen send as well: 2006 and 2013 tell of a lost connection.
const MYSQL_CLIENT_ERRORS = { first: 2_000, last: 2_999 }

// https://www.sqlite.org/rescode.html; extended codes begin with the primary one.
const SQLITE: readonly (readonly [prefix: string, fault: Fault])[] = [
  ['SQLITE_BUSY_SNAPSHOT', COLLIDED],
  ['SQLITE_BUSY', { ...LOCKED, undone: true }],
  ['SQLITE_CONSTRAINT_FOREIGNKEY', ORPHAN],
  ['SQLITE_CONSTRAINT', UNDONE],
  ['SQLITE_LOCKED', { ...LOCKED, undone: true }],
  // The frame that commits comes last: without room for it nothing is committed.
  ['SQLITE_CORRUPT', { code: 'E_CORRUPT' }],
  ['SQLITE_NOTADB', { code: 'E_CORRUPT' }],
  ['SQLITE_TOOBIG', TOO_LARGE],
  ['SQLITE_FULL', { ...REFUSED, undone: true }],
  ['SQLITE_CANTOPEN', REFUSED],
  ['SQLITE_IOERR', REFUSED],
  ['SQLITE_PERM', REFUSED],
  ['SQLITE_READONLY', REFUSED],
]

const SOCKET_CODES = new Set(
  'ECONNREFUSED ECONNRESET ECONNABORTED EPIPE ENOENT ENOTFOUND EAI_AGAIN ETIMEDOUT EHOSTUNREACH ENETUNREACH EHOSTDOWN'
    .split(' ')
    .concat('PROTOCOL_CONNECTION_LOST', 'PROTOCOL_SEQUENCE_TIMEOUT', 'PROTOCOL_ENQUEUE_AFTER_FATAL_ERROR'),
)

// Errors of the drivers themselves that carry no code. Those of the second kind are found before anything is sent.
const LOST_MESSAGE = /^Connection terminated/
const UNSENT_MESSAGE =
  /^(Client has encountered a connection error|Client was closed|timeout exceeded when trying to connect|Query runner already released|Can't add new command when connection is in closed state|Pool is closed|Cannot use a pool|The database connection is not open)/i

interface DriverError extends Error {
  readonly code?: unknown
  readonly errno?: unknown
  readonly severity?: unknown
  readonly driverError?: unknown
}

/** What the driver threw, out of TypeORM's wrapping. */
export function driverErrorOf(error: unknown): DriverError | undefined {
  if (!(error instanceof Error)) return undefined
  const { driverError } = error as DriverError
  return driverError instanceof Error ? driverError : error
}

/** What an error that a driver threw means. One that is not known is `unknown`, and leaves a commit in doubt. */
export function faultOf(error: unknown): Fault {
  const found = driverErrorOf(error)
  if (found === undefined) return UNKNOWN
  const { code, errno, message, name, severity } = found
  if (typeof code === 'string') {
    if (SOCKET_CODES.has(code)) return LOST
    const sqlite = SQLITE.find(([prefix]) => code.startsWith(prefix))
    if (sqlite !== undefined) return sqlite[1]
    if (severity !== undefined)
      return NO_TRANSACTIONS.test(message) ? UNSUPPORTED : postgresFault(code, severity)
  }
  if (typeof errno === 'number' && errno > 0) return mysqlFault(errno, message)
  if (LOST_MESSAGE.test(message)) return LOST
  const unsent = UNSENT_MESSAGE.test(message) || name === 'QueryRunnerAlreadyReleasedError'
  return unsent ? UNSENT : UNKNOWN
}

/** After FATAL and PANIC the connection is closed, by a middleman as well. */
function postgresFault(code: string, severity: unknown): Fault {
  const ends = severity === 'FATAL' || severity === 'PANIC'
  return POSTGRES[code] ?? POSTGRES_CLASSES[code.slice(0, 2)] ?? (ends ? LOST : UNKNOWN)
}

function mysqlFault(errno: number, message: string): Fault {
  if (errno === MYSQL_OPTION && READ_ONLY_OPTION.test(message)) return READ_ONLY_SERVER
  const { first, last } = MYSQL_CLIENT_ERRORS
  return MYSQL[errno] ?? (errno >= first && errno <= last ? LOST : UNKNOWN)
}

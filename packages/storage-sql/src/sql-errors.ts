import { LockTimeoutError, StorageError, type StorageErrorCode } from '@larder/storage-core'

/** What an error of a database means. */
interface Fault {
  readonly code: StorageErrorCode
  /** The transaction collided with another and can be repeated. */
  readonly collided?: true
  /** The connection cannot be used any more. */
  readonly lost?: true
  /** Whether the statement was executed is not known. */
  readonly inDoubt?: true
  /** A row that is referred to is gone. */
  readonly orphan?: true
  /** The connection was found dead before anything was changed. */
  readonly stale?: true
}

const COLLIDED: Fault = { code: 'E_CONFLICT', collided: true }
const LOST: Fault = { code: 'E_STORAGE_UNAVAILABLE', lost: true, inDoubt: true }
const UNSENT: Fault = { code: 'E_STORAGE_UNAVAILABLE', lost: true }
const REFUSED: Fault = { code: 'E_STORAGE_UNAVAILABLE' }
const LOCKED: Fault = { code: 'E_LOCK_TIMEOUT' }
const ORPHAN: Fault = { code: 'E_CONFLICT', orphan: true }
const TIMED_OUT: Fault = { code: 'E_TIMEOUT' }
const TOO_LARGE: Fault = { code: 'E_TOO_LARGE' }

// https://www.postgresql.org/docs/current/errcodes-appendix.html
const POSTGRES: Readonly<Record<string, Fault>> = {
  '23503': ORPHAN,
  '23505': COLLIDED,
  '40001': COLLIDED,
  '40P01': COLLIDED,
  '55P03': LOCKED,
  '57014': TIMED_OUT,
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
  '54000': TOO_LARGE,
}

// https://mariadb.com/kb/en/mariadb-error-code-reference/ and the MySQL server error reference
const MYSQL: Readonly<Record<number, Fault>> = {
  1020: COLLIDED,
  1062: COLLIDED,
  1213: COLLIDED,
  1452: ORPHAN,
  1205: LOCKED,
  3572: LOCKED,
  1317: TIMED_OUT,
  1969: TIMED_OUT,
  3024: TIMED_OUT,
  1053: LOST,
  1927: LOST,
  4031: LOST,
  1040: REFUSED,
  1044: REFUSED,
  1045: REFUSED,
  1049: REFUSED,
  1203: REFUSED,
  1226: REFUSED,
  1105: { code: 'E_SERVER' },
  1153: TOO_LARGE,
}

// https://www.sqlite.org/rescode.html; extended codes begin with the primary one.
const SQLITE: readonly (readonly [prefix: string, fault: Fault])[] = [
  ['SQLITE_BUSY_SNAPSHOT', COLLIDED],
  ['SQLITE_BUSY', LOCKED],
  ['SQLITE_CONSTRAINT_FOREIGNKEY', ORPHAN],
  ['SQLITE_LOCKED', LOCKED],
  ['SQLITE_CORRUPT', { code: 'E_CORRUPT' }],
  ['SQLITE_NOTADB', { code: 'E_CORRUPT' }],
  ['SQLITE_TOOBIG', TOO_LARGE],
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
  readonly sqlState?: unknown
  readonly severity?: unknown
  readonly driverError?: unknown
}

/** What the driver threw, out of TypeORM's wrapping. */
function driverErrorOf(error: unknown): DriverError | undefined {
  if (!(error instanceof Error)) return undefined
  const { driverError } = error as DriverError
  return driverError instanceof Error ? driverError : error
}

function faultOf(error: unknown): Fault {
  const found = driverErrorOf(error)
  if (found === undefined) return { code: 'E_SERVER' }
  const { code, errno, message, name } = found
  if (typeof code === 'string') {
    if (SOCKET_CODES.has(code)) return LOST
    const sqlite = SQLITE.find(([prefix]) => code.startsWith(prefix))
    if (sqlite !== undefined) return sqlite[1]
    if (found.severity !== undefined)
      return POSTGRES[code] ?? (code.startsWith('08') ? LOST : { code: 'E_SERVER' })
  }
  if (typeof errno === 'number' && MYSQL[errno] !== undefined) return MYSQL[errno]
  if (LOST_MESSAGE.test(message)) return LOST
  const unsent = UNSENT_MESSAGE.test(message) || name === 'QueryRunnerAlreadyReleasedError'
  return unsent ? UNSENT : { code: 'E_SERVER' }
}

// What is known of errors that were made here. A hook's own errors must not be taken for a database's.
const faults = new WeakMap<StorageError, Fault>()

/** Whether the transaction collided with another one, so that repeating it can help. */
export function isCollision(error: unknown): boolean {
  return error instanceof StorageError && faults.get(error)?.collided === true
}

/** Whether the connection went away, so that another one can help. */
export function isConnectionLost(error: unknown): boolean {
  return error instanceof StorageError && faults.get(error)?.lost === true
}

/** Whether the statement may have been executed all the same. */
export function isInDoubt(error: unknown): boolean {
  return error instanceof StorageError && faults.get(error)?.inDoubt === true
}

/** Whether a row was not stored since another one, which it belongs to, is gone. */
export function isOrphan(error: unknown): boolean {
  return error instanceof StorageError && faults.get(error)?.orphan === true
}

/** Whether another process holds a SQLite file, so that waiting helps. */
export function isBusy(error: unknown): boolean {
  const code = driverErrorOf(error)?.code
  return typeof code === 'string' && code.startsWith('SQLITE_BUSY') && code !== 'SQLITE_BUSY_SNAPSHOT'
}

/** For a transaction that found that another was faster. */
export function collision(message: string): StorageError {
  return known(new StorageError('E_CONFLICT', message), COLLIDED)
}

/** For a transaction that found its connection dead when it began. */
export function staleConnection({ message, cause }: StorageError): StorageError {
  return known(new StorageError('E_STORAGE_UNAVAILABLE', message, { cause }), { ...UNSENT, stale: true })
}

/** Whether nothing but the age of a connection was in the way, so that a fresh one can help. */
export function isStale(error: unknown): boolean {
  return error instanceof StorageError && faults.get(error)?.stale === true
}

/** For a statement whose answer did not come in time. */
export function noAnswer(message: string): StorageError {
  return known(new StorageError('E_TIMEOUT', message), { code: 'E_TIMEOUT', inDoubt: true })
}

/** The `StorageError` for an error of a database; a `StorageError` stays what it is. */
export function toStorageError(error: unknown): StorageError {
  if (error instanceof StorageError) return error
  const fault = faultOf(error)
  const { code } = fault
  const cause = driverErrorOf(error) ?? error
  const message = `The database: ${messageOf(cause)}`
  const made =
    code === 'E_LOCK_TIMEOUT'
      ? new LockTimeoutError(message, { cause })
      : new StorageError(code, message, { cause })
  return known(made, fault)
}

function known(error: StorageError, fault: Fault): StorageError {
  faults.set(error, fault)
  return error
}

function messageOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  // A refused connection to a host with two addresses has no message of its own.
  if (cause instanceof AggregateError && cause.message === '') return cause.errors.map(messageOf).join('; ')
  return cause.message
}

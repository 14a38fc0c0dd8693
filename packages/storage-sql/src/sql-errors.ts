import { isStorageError, LockTimeoutError, OutcomeUnknownError, StorageError } from '@larder/storage-core'
import { COLLIDED, driverErrorOf, type Fault, faultOf, UNDONE, UNSENT } from './sql-faults.js'

// What is known of errors that were made here. A hook's own errors must not be taken for a database's.
const faults = new WeakMap<object, Fault>()

function isMarked(error: unknown, mark: keyof Fault): boolean {
  return typeof error === 'object' && error !== null && faults.get(error)?.[mark] === true
}

/** Whether the transaction collided with another one, so that repeating it can help. */
export function isCollision(error: unknown): boolean {
  return isMarked(error, 'collided')
}

/** Whether the connection went away, so that another one can help. */
export function isConnectionLost(error: unknown): boolean {
  return isMarked(error, 'lost')
}

/** Whether the server turned out to be no primary. */
export function isDemoted(error: unknown): boolean {
  return isMarked(error, 'demoted')
}

/** Whether the statement may have been executed all the same. */
export function isInDoubt(error: unknown): boolean {
  return isMarked(error, 'inDoubt')
}

/** Whether a middleman may have made the error, so that the session behind the connection may be another one now. */
export function isUnknown(error: unknown): boolean {
  return isMarked(error, 'unknown')
}

/** Whether a row was not stored since another one, which it belongs to, is gone. */
export function isOrphan(error: unknown): boolean {
  return isMarked(error, 'orphan')
}

/** Whether another process holds a SQLite file, so that waiting helps. */
export function isBusy(error: unknown): boolean {
  const code = driverErrorOf(error)?.code
  return typeof code === 'string' && code.startsWith('SQLITE_BUSY') && code !== 'SQLITE_BUSY_SNAPSHOT'
}

/** Whether a unique key was violated: of the library's tables it says that another writer was faster, of others not. */
export function isUniqueViolation(error: unknown): boolean {
  const found = driverErrorOf(error)
  return found?.code === '23505' || found?.errno === 1062
}

/** For a transaction that found that another was faster. */
export function collision(message: string): StorageError {
  return known(new StorageError('E_CONFLICT', message), COLLIDED)
}

/** For a transaction that found its connection dead when it began. */
export function staleConnection({ message, cause }: StorageError): StorageError {
  return known(new StorageError('E_STORAGE_UNAVAILABLE', message, { cause }), { ...UNSENT, stale: true })
}

/** Whether nothing was changed and nothing but the connection was in the way, so that a fresh one can help. */
export function isStale(error: unknown): boolean {
  return isMarked(error, 'stale')
}

/** For a connection that was closed before the statement was sent. */
export function closedConnection(): StorageError {
  return known(new StorageError('E_STORAGE_UNAVAILABLE', 'The connection was closed'), UNSENT)
}

/** For a COMMIT that the server answered with a rollback. */
export function rolledBack(): StorageError {
  const message = 'The transaction was rolled back, since a statement in it has failed'
  return known(new StorageError('E_SERVER', message), UNDONE)
}

/** For a statement whose answer did not come in time. */
export function noAnswer(message: string): StorageError {
  return known(new StorageError('E_TIMEOUT', message), { code: 'E_TIMEOUT', inDoubt: true })
}

/**
 * What a failed COMMIT means: the database's error where that says that the transaction was rolled back, and otherwise
 * an `OutcomeUnknownError`. A middleman that loses the server after the commit makes an error of its own.
 */
export function commitError(error: unknown): StorageError {
  const cause = toStorageError(error)
  if (isMarked(cause, 'undone') || cause.code === 'E_OUTCOME_UNKNOWN') return cause
  const message = `Whether the transaction was committed is unknown: ${cause.message}`
  const { code } = cause
  const lost = isConnectionLost(cause) ? { lost: true as const } : {}
  return known(new OutcomeUnknownError(message, { cause }), { code, inDoubt: true, ...lost })
}

/** The `StorageError` for an error of a database; a `StorageError` stays what it is. */
export function toStorageError(error: unknown): StorageError {
  if (isStorageError(error)) return error
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

function known<E extends StorageError>(error: E, fault: Fault): E {
  faults.set(error, fault)
  return error
}

function messageOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  // A refused connection to a host with two addresses has no message of its own.
  if (cause instanceof AggregateError && cause.message === '') return cause.errors.map(messageOf).join('; ')
  return cause.message
}

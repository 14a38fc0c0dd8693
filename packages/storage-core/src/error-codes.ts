/**
 * The stable codes of every rejection. Bad arguments are not among them: those are a `TypeError` or a
 * `RangeError`, raised before any I/O.
 */
export type StorageErrorCode =
  /** The resource, part or collection does not exist. */
  | 'E_NOT_FOUND'
  /** `ifMatch` or `ifNoneMatch` did not hold; nothing was written. */
  | 'E_PRECONDITION_FAILED'
  /** A cursor or an entity tag, which clients hand through, is malformed or belongs elsewhere; nothing was asked. */
  | 'E_BAD_REQUEST'
  /** The storage, client or lock was closed before the call, or while it ran. */
  | 'E_CLOSED'
  /** The caller's `AbortSignal` fired; `cause` is its reason. A write that was aborted has not happened. */
  | 'E_ABORTED'
  /** A deadline passed. */
  | 'E_TIMEOUT'
  /** A lock was not free within the time allowed; nothing was written. */
  | 'E_LOCK_TIMEOUT'
  /** A lock that was held is not held any more: it was not extended in time, or its server forgot it. */
  | 'E_LOCK_LOST'
  /** The cache could not be reached, and the caller asked to be told. */
  | 'E_CACHE_UNAVAILABLE'
  /** A server did not confirm an invalidation: older results may be read until their time to live is over. */
  | 'E_NOT_INVALIDATED'
  /** The durable storage could not be reached. */
  | 'E_STORAGE_UNAVAILABLE'
  /** Concurrent transactions collided more often than the storage retries. Nothing was written. */
  | 'E_CONFLICT'
  /** Whether the write happened cannot be known: the answer to its commit never came. */
  | 'E_OUTCOME_UNKNOWN'
  /** The content is larger than the storage can hold. */
  | 'E_TOO_LARGE'
  /** More commands are waiting than the queue may hold; the command was not sent. */
  | 'E_OVERLOADED'
  /** The server answered with an error; `message` quotes it. */
  | 'E_SERVER'
  /** What was stored cannot be read back: damaged, or written by something else. */
  | 'E_CORRUPT'
  /** The storage cannot do what was asked; see its `supports`. */
  | 'E_UNSUPPORTED'

const RETRYABLE: ReadonlySet<StorageErrorCode> = new Set([
  'E_TIMEOUT',
  'E_LOCK_TIMEOUT',
  'E_CONFLICT',
  'E_OVERLOADED',
  'E_CACHE_UNAVAILABLE',
  'E_STORAGE_UNAVAILABLE',
])

const SERVER_FAILURES: ReadonlySet<StorageErrorCode> = new Set([
  'E_CACHE_UNAVAILABLE',
  'E_TIMEOUT',
  'E_OVERLOADED',
  'E_SERVER',
])

/** Whether the same call may succeed later. A write of a storage that rejected with such a code has not happened. */
export function isRetryable(code: StorageErrorCode): boolean {
  return RETRYABLE.has(code)
}

/** Whether a memcached server failed to answer a command, or answered with an error. The caller is not to blame. */
export function isServerFailure(code: StorageErrorCode): boolean {
  return SERVER_FAILURES.has(code)
}

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

/** What a `StorageError` is made with, besides its code and its message. */
export interface StorageErrorDetails {
  /** The key that the operation was about, where there is one. */
  readonly key?: string | undefined
  readonly cause?: unknown
}

/** The same symbol in all copies of this package that a process has loaded. */
const BRAND = Symbol.for('@larder/storage-core/StorageError')

/**
 * What every storage, cache and client of this project rejects with. Branch on `code`, never on `message`. `instanceof`
 * works across copies of this package: an error is an instance of the class of its code.
 */
export class StorageError extends Error {
  /** Of a class that has a code of its own. */
  protected static readonly code: StorageErrorCode | undefined = undefined
  /** Minifiers change the names of classes. */
  protected static readonly errorName: string = 'StorageError'
  readonly code: StorageErrorCode
  readonly key: string | undefined

  static override [Symbol.hasInstance](this: unknown, value: unknown): boolean {
    const made = this as typeof StorageError
    // A class that a program derives has no code, and is recognized by its prototype as usual.
    if (!Object.hasOwn(made, 'code')) return Function.prototype[Symbol.hasInstance].call(made, value)
    return isStorageError(value, made.code)
  }

  constructor(code: StorageErrorCode, message: string, details: StorageErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = Object.hasOwn(new.target, 'errorName') ? new.target.errorName : new.target.name
    this.code = code
    this.key = details.key
  }

  get [BRAND](): true {
    return true
  }
}

export class NotFoundError extends StorageError {
  protected static override readonly code = 'E_NOT_FOUND'
  protected static override readonly errorName = 'NotFoundError'

  constructor(message: string, details?: StorageErrorDetails) {
    super(NotFoundError.code, message, details)
  }
}

export class PreconditionFailedError extends StorageError {
  protected static override readonly code = 'E_PRECONDITION_FAILED'
  protected static override readonly errorName = 'PreconditionFailedError'

  constructor(message: string, details?: StorageErrorDetails) {
    super(PreconditionFailedError.code, message, details)
  }
}

export class LockTimeoutError extends StorageError {
  protected static override readonly code = 'E_LOCK_TIMEOUT'
  protected static override readonly errorName = 'LockTimeoutError'

  constructor(message: string, details?: StorageErrorDetails) {
    super(LockTimeoutError.code, message, details)
  }
}

export class LockLostError extends StorageError {
  protected static override readonly code = 'E_LOCK_LOST'
  protected static override readonly errorName = 'LockLostError'

  constructor(message: string, details?: StorageErrorDetails) {
    super(LockLostError.code, message, details)
  }
}

export class CacheUnavailableError extends StorageError {
  protected static override readonly code = 'E_CACHE_UNAVAILABLE'
  protected static override readonly errorName = 'CacheUnavailableError'

  constructor(message: string, details?: StorageErrorDetails) {
    super(CacheUnavailableError.code, message, details)
  }
}

export class OutcomeUnknownError extends StorageError {
  protected static override readonly code = 'E_OUTCOME_UNKNOWN'
  protected static override readonly errorName = 'OutcomeUnknownError'

  constructor(message: string, details?: StorageErrorDetails) {
    super(OutcomeUnknownError.code, message, details)
  }
}

/** Whether `error` is a `StorageError` of any copy of this package, and of that code where one is given. */
export function isStorageError(error: unknown, code?: StorageErrorCode): error is StorageError {
  if (typeof error !== 'object' || error === null) return false
  const { [BRAND]: isBranded, code: found } = error as { readonly [BRAND]?: unknown; readonly code?: unknown }
  return isBranded === true && (code === undefined || found === code)
}

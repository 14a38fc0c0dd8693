import { isRetryable, type StorageErrorCode } from './error-codes.js'

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

  /**
   * Whether the same call may succeed later. A write of a storage that rejected with such an error has not happened; a
   * command of a memcached client may have.
   */
  get retryable(): boolean {
    return isRetryable(this.code)
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

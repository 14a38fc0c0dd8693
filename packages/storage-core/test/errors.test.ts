import {
  CacheUnavailableError,
  isStorageError,
  LockTimeoutError,
  MemoryStorage,
  NotFoundError,
  OutcomeUnknownError,
  PreconditionFailedError,
  StorageError,
} from '@larder/storage-core'
import { abortedError, throwIfAborted } from '@larder/storage-core/driver'
import { isServerFailure, type StorageErrorCode } from '@larder/storage-core/base'
import { describe, expect, test } from 'vitest'

const CLASSES = [
  [NotFoundError, 'E_NOT_FOUND'],
  [PreconditionFailedError, 'E_PRECONDITION_FAILED'],
  [LockTimeoutError, 'E_LOCK_TIMEOUT'],
  [CacheUnavailableError, 'E_CACHE_UNAVAILABLE'],
  [OutcomeUnknownError, 'E_OUTCOME_UNKNOWN'],
] as const

describe('StorageError', () => {
  test('has a code, a name, the key and the cause', () => {
    const cause = new Error('below')
    const error = new StorageError('E_SERVER', 'the server said no', { key: 'k', cause })
    expect([error.code, error.name, error.message, error.key]).toEqual([
      'E_SERVER',
      'StorageError',
      'the server said no',
      'k',
    ])
    expect(error.cause).toBe(cause)
    expect('cause' in new StorageError('E_SERVER', 'no cause')).toBe(false)
    expect(new StorageError('E_SERVER', 'no key').key).toBeUndefined()
  })

  test('each class has its code', () => {
    for (const [Class, code] of CLASSES) {
      const error = new Class('message', { key: 'k', cause: 'why' })
      expect.assert(error instanceof StorageError && error instanceof Error)
      expect([error.code, error.name, error.key, error.cause]).toEqual([code, Class.name, 'k', 'why'])
      expect(isStorageError(error, code)).toBeTruthy()
      expect(isStorageError(error, 'E_SERVER')).toBe(false)
    }
  })

  test('an error is retryable where the same call may succeed later and a storage has written nothing', () => {
    const isRetryable = (code: StorageErrorCode) => new StorageError(code, 'message').retryable
    const passing = ['E_TIMEOUT', 'E_LOCK_TIMEOUT', 'E_CONFLICT', 'E_OVERLOADED'] as const
    expect(
      [...passing, 'E_CACHE_UNAVAILABLE' as const, 'E_STORAGE_UNAVAILABLE' as const].every(isRetryable),
    ).toBeTruthy()
    const final = ['E_NOT_FOUND', 'E_PRECONDITION_FAILED', 'E_BAD_REQUEST', 'E_CLOSED', 'E_ABORTED'] as const
    expect(final.some(isRetryable)).toBe(false)
    const unclear = ['E_OUTCOME_UNKNOWN', 'E_NOT_INVALIDATED', 'E_LOCK_LOST', 'E_SERVER'] as const
    expect(unclear.some(isRetryable)).toBe(false)
    expect.assert(new LockTimeoutError('message').retryable)
    expect(new OutcomeUnknownError('message').retryable).toBe(false)
  })

  test('a failure of a server is neither the fault of the caller nor of the item', () => {
    const failures = ['E_CACHE_UNAVAILABLE', 'E_TIMEOUT', 'E_OVERLOADED', 'E_SERVER'] as const
    expect(failures.every(isServerFailure)).toBeTruthy()
    expect((['E_CLOSED', 'E_ABORTED', 'E_CORRUPT', 'E_TOO_LARGE'] as const).some(isServerFailure)).toBe(false)
  })

  test('isStorageError knows its own', () => {
    expect(isStorageError(new StorageError('E_TIMEOUT', 'late'))).toBeTruthy()
    for (const other of [new Error('E_TIMEOUT'), { code: 'E_TIMEOUT' }, undefined, null, 'E_TIMEOUT']) {
      expect(isStorageError(other, 'E_TIMEOUT')).toBe(false)
    }
  })
})

describe('what a storage raises', () => {
  test('E_NOT_FOUND names the resource and its key', async () => {
    const storage = new MemoryStorage()
    const info = storage.info('a collection', 'a "resource"')
    await expect(storage.getMetaData(info)).rejects.toSatisfy((error: unknown) => {
      expect.assert(error instanceof NotFoundError)
      expect(error.key).toBe(info.key)
      expect(error.message).toMatch(/no metadata of "a \\"resource\\"" in the collection "a collection"/)
      return true
    })
  })

  test('E_PRECONDITION_FAILED has the expected and the found entity tags', async () => {
    const storage = new MemoryStorage()
    const info = storage.info('c', 'r')
    await expect(storage.putContent(info, 'x', { ifMatch: '"5"' })).rejects.toThrow(
      /expected to have "5", but it is missing/,
    )
    const { etag } = await storage.putContent(info, 'x')
    await expect(storage.putContent(info, 'x', { ifNoneMatch: '*' })).rejects.toThrow(
      new RegExp(`but it has ${etag}`),
    )
  })

  test('E_ABORTED has the reason as its cause', () => {
    const reason = new Error('enough')
    expect(() => throwIfAborted(AbortSignal.abort(reason), 'k')).toThrow(
      expect.objectContaining({
        code: 'E_ABORTED',
        key: 'k',
        cause: reason,
      }),
    )
    throwIfAborted(undefined)
    throwIfAborted(new AbortController().signal)
    expect(abortedError(undefined).code).toBe('E_ABORTED')
  })
})

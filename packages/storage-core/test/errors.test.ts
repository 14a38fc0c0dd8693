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
import assert from 'node:assert/strict'
import { describe, test } from 'vitest'

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
    assert.deepEqual(
      [error.code, error.name, error.message, error.key],
      ['E_SERVER', 'StorageError', 'the server said no', 'k'],
    )
    assert.equal(error.cause, cause)
    assert.equal('cause' in new StorageError('E_SERVER', 'no cause'), false)
    assert.equal(new StorageError('E_SERVER', 'no key').key, undefined)
  })

  test('each class has its code', () => {
    for (const [Class, code] of CLASSES) {
      const error = new Class('message', { key: 'k', cause: 'why' })
      assert.ok(error instanceof StorageError && error instanceof Error)
      assert.deepEqual([error.code, error.name, error.key, error.cause], [code, Class.name, 'k', 'why'])
      assert.ok(isStorageError(error, code))
      assert.equal(isStorageError(error, 'E_SERVER'), false)
    }
  })

  test('an error is retryable where the same call may succeed later and a storage has written nothing', () => {
    const isRetryable = (code: StorageErrorCode) => new StorageError(code, 'message').retryable
    const passing = ['E_TIMEOUT', 'E_LOCK_TIMEOUT', 'E_CONFLICT', 'E_OVERLOADED'] as const
    assert.ok(
      [...passing, 'E_CACHE_UNAVAILABLE' as const, 'E_STORAGE_UNAVAILABLE' as const].every(isRetryable),
    )
    const final = ['E_NOT_FOUND', 'E_PRECONDITION_FAILED', 'E_BAD_REQUEST', 'E_CLOSED', 'E_ABORTED'] as const
    assert.equal(final.some(isRetryable), false)
    const unclear = ['E_OUTCOME_UNKNOWN', 'E_NOT_INVALIDATED', 'E_LOCK_LOST', 'E_SERVER'] as const
    assert.equal(unclear.some(isRetryable), false)
    assert.ok(new LockTimeoutError('message').retryable)
    assert.equal(new OutcomeUnknownError('message').retryable, false)
  })

  test('a failure of a server is neither the fault of the caller nor of the item', () => {
    const failures = ['E_CACHE_UNAVAILABLE', 'E_TIMEOUT', 'E_OVERLOADED', 'E_SERVER'] as const
    assert.ok(failures.every(isServerFailure))
    assert.equal(
      (['E_CLOSED', 'E_ABORTED', 'E_CORRUPT', 'E_TOO_LARGE'] as const).some(isServerFailure),
      false,
    )
  })

  test('isStorageError knows its own', () => {
    assert.ok(isStorageError(new StorageError('E_TIMEOUT', 'late')))
    for (const other of [new Error('E_TIMEOUT'), { code: 'E_TIMEOUT' }, undefined, null, 'E_TIMEOUT']) {
      assert.equal(isStorageError(other, 'E_TIMEOUT'), false)
    }
  })
})

describe('what a storage raises', () => {
  test('E_NOT_FOUND names the resource and its key', async () => {
    const storage = new MemoryStorage()
    const info = storage.info('a collection', 'a "resource"')
    await assert.rejects(storage.getMetaData(info), (error: unknown) => {
      assert.ok(error instanceof NotFoundError)
      assert.equal(error.key, info.key)
      assert.match(error.message, /no metadata of "a \\"resource\\"" in the collection "a collection"/)
      return true
    })
  })

  test('E_PRECONDITION_FAILED says what was expected and what was found', async () => {
    const storage = new MemoryStorage()
    const info = storage.info('c', 'r')
    await assert.rejects(
      storage.putContent(info, 'x', { ifMatch: '"5"' }),
      /expected to have "5", but it is missing/,
    )
    const { etag } = await storage.putContent(info, 'x')
    await assert.rejects(
      storage.putContent(info, 'x', { ifNoneMatch: '*' }),
      new RegExp(`but it has ${etag}`),
    )
  })

  test('E_ABORTED has the reason as its cause', () => {
    const reason = new Error('enough')
    assert.throws(() => throwIfAborted(AbortSignal.abort(reason), 'k'), {
      code: 'E_ABORTED',
      key: 'k',
      cause: reason,
    })
    throwIfAborted(undefined)
    throwIfAborted(new AbortController().signal)
    assert.equal(abortedError(undefined).code, 'E_ABORTED')
  })
})

import { isStorageError, type StorageErrorCode } from '@larder/storage-core'
import { Problem } from '../problem.js'

/** What a client may try again although the storage itself would not: a server that is being closed. */
const ENDED: readonly StorageErrorCode[] = ['E_ABORTED', 'E_CLOSED']

/** What the client is told of an error. Nothing of the inside gets out. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (isStorageError(error, 'E_BAD_REQUEST')) return new Problem(400, error.message, { cause: error })
  if (isStorageError(error, 'E_TOO_LARGE'))
    return new Problem(413, 'It is larger than can be stored', { cause: error })
  if (isStorageError(error, 'E_OUTCOME_UNKNOWN'))
    return new Problem(503, 'It may have been stored, or not: read to find out', { cause: error })
  if (isStorageError(error) && (error.retryable || ENDED.includes(error.code)))
    return new Problem(503, 'Not now: try again', { headers: { 'Retry-After': '1' }, cause: error })
  return new Problem(500, 'Something went wrong here', { cause: error })
}

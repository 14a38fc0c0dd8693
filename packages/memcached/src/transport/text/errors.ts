import { StorageError } from '@larder/storage-core/base'
import type { MetaReply } from '../../protocol/meta/reply.js'
import type { Call } from '../call.js'

/** What the server said, as the error that the caller gets. */
export function unexpected(reply: MetaReply): StorageError {
  return new StorageError('E_SERVER', `The server answered: ${reply.line().slice(0, 200)}`)
}

/**
 * An error line as the error that the caller gets. `isFatal`: after it nobody knows where the next reply begins,
 * since the server may take the value of a command that it refused for further commands.
 */
export function lineError(reply: MetaReply): { readonly error: StorageError; readonly isFatal: boolean } {
  const line = reply.line()
  const isFatal = !line.startsWith('SERVER_ERROR ') && !line.includes('non-numeric')
  return { error: unexpected(reply), isFatal }
}

/** An error line in the place of the one reply. */
export function refuse(call: Call, reply: MetaReply): 'last' {
  const { error, isFatal } = lineError(reply)
  call.fail(error)
  if (isFatal) throw error
  return 'last'
}

/** An error line in the place of values: nobody knows which keys it stands for, nor what follows. */
export function refuseLine(call: Call, reply: MetaReply): never {
  const error = unexpected(reply)
  call.fail(error)
  throw error
}

import { StorageError } from '@larder/storage-core/base'
import type { MetaReply } from '../../protocol/index.js'
import type { Call } from '../call.js'

/** memcached 1.4 and later (`out_string` in `process_update_command` and `process_mset_command`). */
const TOO_LARGE = 'SERVER_ERROR object too large'

/** What the server said, as the error that the caller gets. */
export function unexpected(reply: MetaReply): StorageError {
  const line = reply.line().slice(0, 200)
  const code = line.startsWith(TOO_LARGE) ? 'E_TOO_LARGE' : 'E_SERVER'
  return new StorageError(code, `The server answered: ${line}`)
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

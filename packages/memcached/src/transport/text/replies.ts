import type { MetaReply } from '../../protocol/index.js'
import type { KeyCommand, Results } from '../commands.js'
import { unexpected } from './errors.js'
import type { LineCommand } from './requests.js'

type Kind = Exclude<LineCommand['kind'], 'set' | 'add' | 'replace' | 'cas'>

/** Each takes the one line that answers its command and gives the command's result, or throws its error. */
export const TEXT_REPLIES: {
  readonly [K in Kind]: (reply: MetaReply, from: object, command: KeyCommand<K>) => Results[K]
} = {
  put: (reply) => {
    if (reply.line() === 'STORED') return true
    throw unexpected(reply)
  },
  append: readJoined,
  prepend: readJoined,
  delete: (reply) => {
    const line = reply.line()
    // `STORED` is the answer to a delete with a condition.
    if (line === 'DELETED' || line === 'STORED') return 'deleted'
    if (line === 'EXISTS') return 'exists'
    if (line === 'NOT_FOUND') return 'not-found'
    throw unexpected(reply)
  },
  touch: (reply) => {
    const line = reply.line()
    if (line === 'TOUCHED') return true
    if (line === 'NOT_FOUND') return false
    throw unexpected(reply)
  },
  count: (reply) => {
    const line = reply.line()
    if (line === 'NOT_FOUND') return undefined
    // A server may pad a counter that got shorter.
    if (/^\d+ *$/.test(line)) return BigInt(line.trimEnd())
    throw unexpected(reply)
  },
}

function readJoined(reply: MetaReply): boolean {
  const line = reply.line()
  if (line === 'STORED') return true
  if (line === 'NOT_STORED') return false
  throw unexpected(reply)
}

import { StorageError } from '@larder/storage-core/base'
import type { CacheItem, CasToken } from '../../cache.js'
import { type BinaryFrame, Status } from '../../protocol/index.js'
import { CasId } from '../cas-id.js'
import type { ReplyReaders } from '../commands.js'

/** Each takes the one reply of its command and gives the command's result, or throws its error. */
export const BINARY_REPLIES: ReplyReaders<BinaryFrame> = {
  get: (frame, from, { as }) => {
    const item = readItem(frame, from)
    return item && as(item)
  },
  state: readItem,
  // Never sent.
  peek: (frame) => {
    throw serverError(frame)
  },
  set: readStored,
  put: readDone,
  add: (frame, from) => (frame.status === Status.exists ? undefined : readStored(frame, from)),
  replace: (frame, from) => (frame.status === Status.notFound ? undefined : readStored(frame, from)),
  append: readJoined,
  prepend: readJoined,
  cas: (frame, from) => {
    if (frame.status === Status.exists) return { status: 'exists' }
    if (frame.status === Status.notFound) return { status: 'not-found' }
    return { status: 'stored', cas: readStored(frame, from) }
  },
  delete: (frame) => {
    if (frame.status === Status.ok) return 'deleted'
    if (frame.status === Status.exists) return 'exists'
    if (frame.status === Status.notFound) return 'not-found'
    throw serverError(frame)
  },
  touch: (frame) => {
    if (frame.status === Status.ok) return true
    if (frame.status === Status.notFound) return false
    throw serverError(frame)
  },
  count: (frame) => {
    if (frame.status === Status.ok) return frame.valueBigUint64()
    if (frame.status === Status.notFound) return undefined
    throw serverError(frame)
  },
}

export function readItem(frame: BinaryFrame, from: object): CacheItem | undefined {
  if (frame.status === Status.ok) return { value: frame.value(), flags: frame.flags, cas: casOf(frame, from) }
  if (frame.status === Status.notFound) return undefined
  throw serverError(frame)
}

export function readDone(frame: BinaryFrame): true {
  if (frame.status === Status.ok) return true
  throw serverError(frame)
}

export function readText(frame: BinaryFrame): string {
  if (frame.status === Status.ok) return frame.valueText()
  throw serverError(frame)
}

/** A reply with an error status, as the error that the caller gets. */
export function serverError(frame: BinaryFrame): StorageError {
  const code = frame.status === Status.tooLarge ? 'E_TOO_LARGE' : 'E_SERVER'
  return new StorageError(code, `The server answered: ${frame.describe()}`)
}

function readStored(frame: BinaryFrame, from: object): CasToken {
  if (frame.status === Status.ok) return casOf(frame, from)
  throw serverError(frame)
}

/** For append and prepend, which answer "not stored" where there is no item. */
function readJoined(frame: BinaryFrame): boolean {
  if (frame.status === Status.ok) return true
  if (frame.status === Status.notStored || frame.status === Status.notFound) return false
  throw serverError(frame)
}

/** With `-C` every CAS is 0 and every cas succeeds: nothing that relies on it may go on. */
function casOf(frame: BinaryFrame, from: object): CasToken {
  if (frame.casHigh === 0 && frame.casLow === 0) {
    throw new StorageError('E_UNSUPPORTED', 'The server runs without CAS; start memcached without -C')
  }
  return new CasId(frame.casHigh, frame.casLow, from)
}

import { StorageError } from '@larder/storage-core/base'
import type { CacheItem, CasResult, CasToken, ItemState, PeekedItem } from '../cache.js'
import { MetaCode, type MetaReply } from '../protocol/meta/reply.js'
import { CasId } from './cas-id.js'
import { misplacedReply, type Exchange } from './exchange.js'

/** What `mg` is asked for a value with all that belongs to it. */
export const READ_FLAGS = ' v f c'
/** The classic command that answers with the same. */
export const GETS = 'gets'
/** With keys of 250 bytes, a line of 25 kB. */
export const KEYS_PER_LINE = 100

const REPLIES: ReadonlySet<number> = new Set(Object.values(MetaCode))

/** Keeps the number short on the wire; replies come in order, so that it need not be unique for long. */
export function wireOpaque(opaque: number): number {
  return opaque & 0xffff
}

/** Other lines are errors, and carry no opaque number. */
export function isMetaReply(reply: MetaReply): boolean {
  return REPLIES.has(reply.code)
}

/** Refuses the reply to another command. Old servers repeat no number on a miss. */
export function checkOpaque(reply: MetaReply, opaque: number): void {
  const isRight = reply.opaque === opaque || (reply.opaque === -1 && reply.code !== MetaCode.value)
  if (!isRight) throw misplacedReply()
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
export function refuse(command: Exchange<MetaReply>, reply: MetaReply): 'last' {
  const { error, isFatal } = lineError(reply)
  command.fail(error)
  if (isFatal) throw error
  return 'last'
}

/** An error line in the place of values: nobody knows which keys it stands for, nor what follows. */
export function refuseLine(command: Exchange<MetaReply>, reply: MetaReply): never {
  const error = unexpected(reply)
  command.fail(error)
  throw error
}

/** Every reader takes the one reply of its command and gives the command's result, or throws its error. */
export function readItem(reply: MetaReply, from: object): CacheItem | undefined {
  if (reply.code === MetaCode.value)
    return { value: reply.value(), flags: reply.flags, cas: casOf(reply, from) }
  if (reply.code === MetaCode.miss) return undefined
  throw unexpected(reply)
}

/** For a read without the value. */
export function readState(reply: MetaReply, from: object): ItemState | undefined {
  if (reply.code === MetaCode.done) return { flags: reply.flags, cas: casOf(reply, from) }
  if (reply.code === MetaCode.miss) return undefined
  throw unexpected(reply)
}

export function readPeeked(reply: MetaReply, from: object): PeekedItem | undefined {
  const item = readItem(reply, from)
  if (item === undefined) return undefined
  // Read from the text: a field of the reply would cost every other command its reset.
  const [, ttl, idle, hit] = / t(-1|\d+) l(\d+) h(\d+)(?: |$)/.exec(reply.line()) ?? []
  if (ttl === undefined) throw unexpected(reply)
  const ttlMs = ttl === '-1' ? undefined : Number(ttl) * 1000
  return { ...item, ttlMs, idleMs: Number(idle) * 1000, wasRead: hit !== '0' }
}

/** What becomes of an item whose caller wants it as it is. */
export function itself(item: CacheItem): CacheItem {
  return item
}

/** For a line of `gets`. */
export function classicItem(reply: MetaReply, from: object): CacheItem {
  return { value: reply.value(), flags: reply.flags, cas: casOf(reply, from) }
}

export function readStored(reply: MetaReply, from: object): CasToken {
  if (reply.code === MetaCode.done) return casOf(reply, from)
  throw unexpected(reply)
}

/** For a store without a token. */
export function readPut(reply: MetaReply): true {
  if (reply.code === MetaCode.done) return true
  throw unexpected(reply)
}

/** For add and replace. */
export function readStoredIf(reply: MetaReply, from: object): CasToken | undefined {
  return reply.code === MetaCode.notStored ? undefined : readStored(reply, from)
}

export function readCas(reply: MetaReply, from: object): CasResult {
  if (reply.code === MetaCode.exists) return { status: 'exists' }
  if (reply.code === MetaCode.notFound) return { status: 'not-found' }
  return { status: 'stored', cas: readStored(reply, from) }
}

/** For append, prepend and a bare store. */
export function readDone(reply: MetaReply): boolean {
  if (reply.code === MetaCode.done) return true
  if (reply.code === MetaCode.notStored) return false
  throw unexpected(reply)
}

export function readDeleted(reply: MetaReply): 'deleted' | 'exists' | 'not-found' {
  if (reply.code === MetaCode.done) return 'deleted'
  if (reply.code === MetaCode.exists) return 'exists'
  if (reply.code === MetaCode.notFound) return 'not-found'
  throw unexpected(reply)
}

export function readTouched(reply: MetaReply): boolean {
  if (reply.code === MetaCode.done) return true
  if (reply.code === MetaCode.miss) return false
  throw unexpected(reply)
}

export function readCounter(reply: MetaReply): bigint | undefined {
  if (reply.code === MetaCode.value) return BigInt(reply.value().toString('latin1'))
  if (reply.code === MetaCode.notFound) return undefined
  throw unexpected(reply)
}

/** What the server said, as the error that the caller gets. */
export function unexpected(reply: MetaReply): StorageError {
  return new StorageError('E_SERVER', `The server answered: ${reply.line().slice(0, 200)}`)
}

/** With `-C` every CAS is 0 and every cas succeeds: nothing that relies on it may go on. */
function casOf(reply: MetaReply, from: object): CasToken {
  if (reply.casHigh === 0 && reply.casLow === 0) {
    throw new StorageError('E_UNSUPPORTED', 'The server runs without CAS; start memcached without -C')
  }
  return new CasId(reply.casHigh, reply.casLow, from)
}

import type { CacheItem, CasToken, PeekedItem } from '../../cache.js'
import { MetaCode, type MetaReply } from '../../protocol/index.js'
import type { ReplyReaders } from '../commands.js'
import { misplacedReply } from '../session.js'
import { unexpected } from '../text/errors.js'
import { casOf, itemOf } from '../text/values.js'

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

/** Each takes the one reply of its command and gives the command's result, or throws its error. */
export const META_REPLIES: ReplyReaders<MetaReply> = {
  get: (reply, from, { as }) => {
    const item = readItem(reply, from)
    return item && as(item)
  },
  state: (reply, from) => {
    if (reply.code === MetaCode.done) return { flags: reply.flags, cas: casOf(reply, from) }
    if (reply.code === MetaCode.miss) return undefined
    throw unexpected(reply)
  },
  peek: readPeeked,
  set: readStored,
  put: (reply) => {
    if (reply.code === MetaCode.done) return true
    throw unexpected(reply)
  },
  add: readStoredIf,
  replace: readStoredIf,
  append: readJoined,
  prepend: readJoined,
  cas: (reply, from) => {
    if (reply.code === MetaCode.exists) return { status: 'exists' }
    if (reply.code === MetaCode.notFound) return { status: 'not-found' }
    return { status: 'stored', cas: readStored(reply, from) }
  },
  delete: (reply) => {
    if (reply.code === MetaCode.done) return 'deleted'
    if (reply.code === MetaCode.exists) return 'exists'
    if (reply.code === MetaCode.notFound) return 'not-found'
    throw unexpected(reply)
  },
  touch: (reply) => {
    if (reply.code === MetaCode.done) return true
    if (reply.code === MetaCode.miss) return false
    throw unexpected(reply)
  },
  count: (reply) => {
    if (reply.code === MetaCode.value) return BigInt(reply.value().toString('latin1'))
    if (reply.code === MetaCode.notFound) return undefined
    throw unexpected(reply)
  },
}

export function readItem(reply: MetaReply, from: object): CacheItem | undefined {
  if (reply.code === MetaCode.value) return itemOf(reply, from)
  if (reply.code === MetaCode.miss) return undefined
  throw unexpected(reply)
}

function readPeeked(reply: MetaReply, from: object): PeekedItem | undefined {
  const item = readItem(reply, from)
  if (item === undefined) return undefined
  // Read from the text: a field of the reply would cost every other command its reset.
  const [, ttl, idle, hit] = / t(-1|\d+) l(\d+) h(\d+)(?: |$)/.exec(reply.line()) ?? []
  if (ttl === undefined) throw unexpected(reply)
  const ttlMs = ttl === '-1' ? undefined : Number(ttl) * 1000
  return { ...item, ttlMs, idleMs: Number(idle) * 1000, wasRead: hit !== '0' }
}

function readStored(reply: MetaReply, from: object): CasToken {
  if (reply.code === MetaCode.done) return casOf(reply, from)
  throw unexpected(reply)
}

/** For add and replace. */
function readStoredIf(reply: MetaReply, from: object): CasToken | undefined {
  return reply.code === MetaCode.notStored ? undefined : readStored(reply, from)
}

/** For append, prepend and a store within a batch. */
export function readJoined(reply: MetaReply): boolean {
  if (reply.code === MetaCode.done) return true
  if (reply.code === MetaCode.notStored) return false
  throw unexpected(reply)
}

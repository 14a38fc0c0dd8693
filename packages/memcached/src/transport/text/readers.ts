import type { CacheItem, CasToken } from '../../cache.js'
import { StorageError } from '@larder/storage-core/base'
import { ClassicCode, type MetaReply } from '../../protocol/index.js'
import type { Call } from '../call.js'
import { CasId } from '../cas-id.js'
import type { Cas, Count, KeyCommand, Store } from '../commands.js'
import { misplacedReply, type Reader, type Receipt } from '../session.js'
import { lineError, refuse } from './errors.js'
import { TEXT_REPLIES } from './replies.js'
import { itemOf } from './values.js'

type OneLine = keyof typeof TEXT_REPLIES
/** What the token is learned of. */
export type TokenStore = Store<'set'> | Store<'add'> | Store<'replace'> | Cas

/** For commands that are answered by one line. */
export const ONE_LINE: Reader<MetaReply> = {
  receive(call: Call, reply: MetaReply, from: object): Receipt {
    if (isError(reply)) return refuse(call, reply)
    const command = call.command as KeyCommand<OneLine>
    settle(call, command.kind, command, reply, from)
    return 'last'
  },
}

function settle<K extends OneLine>(
  call: Call,
  kind: K,
  command: KeyCommand<K>,
  reply: MetaReply,
  from: object,
): void {
  call.settle(TEXT_REPLIES[kind], reply, from, command)
}

/** For a `gets` of one key: the item goes to `found`, and what that returns is the result. */
export class ItemReader implements Reader<MetaReply> {
  readonly #found: (item: CacheItem) => unknown

  constructor(found: (item: CacheItem) => unknown) {
    this.#found = found
  }

  receive(call: Call, reply: MetaReply, from: object): Receipt {
    if (reply.code === ClassicCode.value) {
      const command = call.command as KeyCommand
      if (!reply.isAbout(command.key.text, command.key.bytes)) throw misplacedReply()
      call.settle((value: MetaReply) => this.#found(itemOf(value, from)), reply, from, command)
      return 'more'
    }
    if (reply.code !== ClassicCode.end) return refuse(call, reply)
    call.succeed(undefined)
    return 'last'
  }
}

/** For `touch` and `gets`, sent together. */
export class TouchedReader extends ItemReader {
  #isTouched = false

  override receive(call: Call, reply: MetaReply, from: object): Receipt {
    if (this.#isTouched) return super.receive(call, reply, from)
    this.#isTouched = true
    if (isError(reply)) refuse(call, reply)
    return 'more'
  }
}

/**
 * For a counter with a first value: it is counted where there is one; else it is added, and counted where somebody else
 * was faster.
 */
export class CountReader implements Reader<MetaReply> {
  receive(call: Call, reply: MetaReply, from: object): Receipt {
    if (isError(reply)) return refuse(call, reply)
    const command = call.command as Count
    const line = reply.line()
    const isFirst = call.step === 'add'
    call.step = isFirst ? 'count' : 'add'
    if (line === (isFirst ? 'NOT_STORED' : 'NOT_FOUND')) return 'again'
    if (isFirst && line === 'STORED') call.succeed(command.initial)
    else call.settle(TEXT_REPLIES.count, reply, from, command)
    return 'last'
  }
}

/**
 * For a store and a `gets` behind it, which is the only way to learn the token: the answer to a store has none. It
 * counts only where it shows what was stored. A proxy with several connections to a server may have run it before the
 * store, so that it is asked once more when the store is done.
 */
export class StoreReader implements Reader<MetaReply> {
  #line: string | undefined
  #token: CasToken | undefined

  receive(call: Call, reply: MetaReply, from: object): Receipt {
    const command = call.command as TokenStore
    if (this.#line === undefined && call.step !== 'learn') {
      this.#line = reply.line()
      if (isError(reply)) refuse(call, reply)
      return 'more'
    }
    if (reply.code === ClassicCode.value) {
      if (!reply.isAbout(command.key.text, command.key.bytes)) throw misplacedReply()
      if (!call.isSettled) this.#learn(call, command, reply, from)
      return 'more'
    }
    // A failed `gets` says nothing of the store: the token stays unknown.
    if (reply.code !== ClassicCode.end && lineError(reply).isFatal) throw lineError(reply).error
    return this.#finish(call, command)
  }

  #learn(call: Call, command: TokenStore, reply: MetaReply, from: object): void {
    try {
      this.#token = tokenOf(command, itemOf(reply, from))
    } catch (error) {
      call.fail(error as Error)
    }
  }

  #finish(call: Call, { kind }: TokenStore): Receipt {
    if (call.isSettled) return 'last'
    const line = this.#line ?? 'STORED'
    if (line === 'STORED' && this.#token === undefined && call.step !== 'learn') {
      call.step = 'learn'
      return 'again'
    }
    // Another client has stored something else since: no token matches.
    const cas = this.#token ?? new CasId(0, 0, {})
    if (line === 'STORED') call.succeed(kind === 'cas' ? { status: 'stored', cas } : cas)
    else if (kind === 'cas' && line === 'EXISTS') call.succeed({ status: 'exists' })
    else if (kind === 'cas' && line === 'NOT_FOUND') call.succeed({ status: 'not-found' })
    else if (line === 'NOT_STORED') call.succeed(undefined)
    else call.fail(new StorageError('E_SERVER', `The server answered: ${line.slice(0, 200)}`))
    return 'last'
  }
}

/** Undefined where it is not what was stored. */
function tokenOf(command: TokenStore, item: CacheItem): CasToken | undefined {
  const isOwn = item.flags === command.flags && item.value.equals(command.value)
  return isOwn ? item.cas : undefined
}

function isError(reply: MetaReply): boolean {
  return /^(?:ERROR|CLIENT_ERROR|SERVER_ERROR)\b/.test(reply.line())
}

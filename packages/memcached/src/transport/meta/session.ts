import { encodeLine, encodeMeta, MetaReceiver, type MetaReply, type OutBuffer } from '../../protocol/index.js'
import type { Call } from '../call.js'
import type { KeyCommand, KeyKind, WireItem } from '../commands.js'
import type { Fifo } from '../fifo.js'
import { FrameSession, type OpenSession, type Reader, type Receipt, type SessionOwner } from '../session.js'
import { refuse } from '../text/errors.js'
import { GetBatch } from '../text/get-batch.js'
import { GetLine, isPlainGet } from '../text/get-line.js'
import { linesReader, serverLine } from '../text/lines.js'
import { isFlagRefusal, ownCasFlag, type OwnCas } from './own-cas.js'
import { checkOpaque, isMetaReply, META_REPLIES, wireOpaque } from './replies.js'
import { META_REQUESTS } from './requests.js'
import { MetaSetBatch, type BatchRest } from './set-batch.js'

/** The meta commands, memcached's own choice for new clients since 1.6. */
export class MetaSession extends FrameSession<MetaReply> {
  readonly #receiver = new MetaReceiver((reply) => this.receive(reply))
  /** Of batches that are to be sent once more. */
  readonly #rests = new WeakMap<Call, BatchRest>()
  /** For a store whose number is only tried. */
  readonly #triedReply: Reader<MetaReply> = {
    receive: (call, reply, from) => {
      if (!isFlagRefusal(reply)) return ONE_REPLY.receive(call, reply, from)
      this.#ownCas = 'off'
      return 'again'
    },
  }
  #ownCas: OwnCas
  #opaque = 0
  /** What the next read may share, where it follows at once. */
  #line: GetLine | undefined

  /** `ownCas`: whether what is stored gets a CAS number from here, and not from the server. */
  constructor(owner: SessionOwner, ownCas: OwnCas) {
    super(owner)
    this.#ownCas = ownCas
  }

  override beginWrite(): void {
    this.#line = undefined
  }

  override push(chunk: Buffer): void {
    this.#receiver.push(chunk)
  }

  override send(call: Call, out: OutBuffer, queue: Fifo<Call>): void {
    this.expect(call, this.#write(call, out, queue))
  }

  #write(call: Call, out: OutBuffer, queue: Fifo<Call>): Reader<MetaReply> {
    const { command } = call
    if (isPlainGet(call) && 'key' in command) {
      this.#line = GetLine.write(call, command.key, this.#line, out, queue, 'keys')
      return this.#line ?? this.#writeOne(call, command, out)
    }
    this.#line = undefined
    if ('key' in command) return this.#writeOne(call, command, out)
    if (command.kind === 'getMulti') return new GetBatch(command.keys, out, 'keys')
    if (command.kind === 'setMulti') return this.#writeBatch(call, command.items, out)
    encodeLine(out, serverLine(command))
    return linesReader(command)
  }

  #writeBatch(call: Call, items: readonly WireItem[], out: OutBuffer): MetaSetBatch {
    const batch = this.#rests.get(call) ?? { items, failed: new Map<string, Error>() }
    const base = this.#opaque
    this.#opaque = wireOpaque(base + batch.items.length)
    return new MetaSetBatch(batch, out, base, this.#ownCas, (refused, rest) => {
      this.#ownCas = 'off'
      this.#rests.set(refused, rest)
      // What was stored must not be stored again, as another connection would.
      refused.step = 'rest'
    })
  }

  #writeOne<K extends KeyKind>(call: Call, command: KeyCommand<K>, out: OutBuffer): Reader<MetaReply> {
    call.opaque = this.#opaque
    this.#opaque = wireOpaque(this.#opaque + 1)
    const { verb, flags } = META_REQUESTS[command.kind as K]
    const value = 'value' in command ? command.value : undefined
    const isOwn = this.#ownCas !== 'off' && (verb === 'ms' || verb === 'ma')
    const text = isOwn ? flags(command) + ownCasFlag() : flags(command)
    encodeMeta(out, verb, command.key.text, command.key.bytes, text, call.opaque, value)
    return isOwn && this.#ownCas === 'tried' ? this.#triedReply : ONE_REPLY
  }
}

/** A meta command about one key has exactly one reply. */
const ONE_REPLY: Reader<MetaReply> = {
  receive(call: Call, reply: MetaReply, from: object): Receipt {
    if (!isMetaReply(reply)) return refuse(call, reply)
    checkOpaque(reply, call.opaque)
    const command = call.command as KeyCommand
    settle(call, command.kind, command, reply, from)
    return 'last'
  },
}

function settle<K extends KeyKind>(
  call: Call,
  kind: K,
  command: KeyCommand<K>,
  reply: MetaReply,
  from: object,
): void {
  call.settle(META_REPLIES[kind], reply, from, command)
}

export function openMeta(ownCas: OwnCas): OpenSession {
  return (owner) => new MetaSession(owner, ownCas)
}

import { encodeLine, encodeMeta } from '../../protocol/meta/encode.js'
import { MetaReceiver } from '../../protocol/meta/receiver.js'
import type { MetaReply } from '../../protocol/meta/reply.js'
import type { OutBuffer } from '../../protocol/out-buffer.js'
import type { Call } from '../call.js'
import type { KeyCommand, KeyKind } from '../commands.js'
import type { Fifo } from '../fifo.js'
import { FrameSession, type Reader, type Receipt, type SessionOwner } from '../session.js'
import { refuse } from '../text/errors.js'
import { GetBatch } from '../text/get-batch.js'
import { GetLine, isPlainGet } from '../text/get-line.js'
import { linesReader, serverLine } from '../text/lines.js'
import { ownCasFlag } from './own-cas.js'
import { checkOpaque, isMetaReply, META_REPLIES, wireOpaque } from './replies.js'
import { META_REQUESTS } from './requests.js'
import { MetaSetBatch } from './set-batch.js'

/** The meta commands, memcached's own choice for new clients since 1.6. */
export class MetaSession extends FrameSession<MetaReply> {
  readonly #receiver = new MetaReceiver((reply) => this.receive(reply))
  readonly #hasOwnCas: boolean
  #opaque = 0
  /** What the next read may share, where it follows at once. */
  #line: GetLine | undefined

  /** `hasOwnCas`: what is stored gets a CAS number from here, and not from the server. */
  constructor(owner: SessionOwner, hasOwnCas: boolean) {
    super(owner)
    this.#hasOwnCas = hasOwnCas
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
    if (command.kind === 'setMulti') {
      const base = this.#opaque
      this.#opaque = wireOpaque(base + command.items.length)
      return new MetaSetBatch(command.items, out, base, this.#hasOwnCas)
    }
    encodeLine(out, serverLine(command))
    return linesReader(command)
  }

  #writeOne<K extends KeyKind>(call: Call, command: KeyCommand<K>, out: OutBuffer): Reader<MetaReply> {
    call.opaque = this.#opaque
    this.#opaque = wireOpaque(this.#opaque + 1)
    const { verb, flags } = META_REQUESTS[command.kind as K]
    const value = 'value' in command ? command.value : undefined
    const isChange = this.#hasOwnCas && (verb === 'ms' || verb === 'ma')
    const text = isChange ? flags(command) + ownCasFlag() : flags(command)
    encodeMeta(out, verb, command.key.text, command.key.bytes, text, call.opaque, value)
    return ONE_REPLY
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

export function openMeta(owner: SessionOwner): MetaSession {
  return new MetaSession(owner, false)
}

export function openMetaWithOwnCas(owner: SessionOwner): MetaSession {
  return new MetaSession(owner, true)
}

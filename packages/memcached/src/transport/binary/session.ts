import { StorageError } from '@larder/storage-core/base'
import {
  type BinaryFrame,
  BinaryReceiver,
  encodeRequest,
  NO_KEY,
  Opcode,
  type OutBuffer,
  Status,
} from '../../protocol/index.js'
import type { Call } from '../call.js'
import type { KeyCommand, KeyKind, ServerCommand } from '../commands.js'
import { FrameSession, misplacedReply, type Reader, type Receipt, type SessionOwner } from '../session.js'
import { BinaryGetBatch, BinarySetBatch } from './batch.js'
import { BINARY_REPLIES, readDone, readText, serverError } from './replies.js'
import { BINARY_REQUESTS } from './requests.js'

/** The binary protocol: for SASL, and for servers that speak nothing else or no meta commands. */
export class BinarySession extends FrameSession<BinaryFrame> {
  readonly #receiver = new BinaryReceiver((frame) => this.receive(frame))
  #opaque: number

  constructor(owner: SessionOwner, firstOpaque = 1) {
    super(owner)
    this.#opaque = firstOpaque
  }

  override beginWrite(): void {}

  override push(chunk: Buffer): void {
    this.#receiver.push(chunk)
  }

  override send(call: Call, out: OutBuffer): void {
    const { command } = call
    if ('key' in command) return this.#sendOne(call, command, out)
    if (command.kind === 'getMulti') {
      const base = this.#take(command.keys.length + 1)
      return this.expect(call, new BinaryGetBatch(command.keys, out, base))
    }
    if (command.kind === 'setMulti') {
      const base = this.#take(command.items.length + 1)
      return this.expect(call, new BinarySetBatch(command.items, out, base))
    }
    call.opaque = this.#take(1)
    encodeServerCommand(out, call.opaque, command)
    this.expect(call, command.kind === 'stats' ? new StatsReader() : ONE_REPLY)
  }

  #sendOne<K extends KeyKind>(call: Call, command: KeyCommand<K>, out: OutBuffer): void {
    const request = BINARY_REQUESTS[command.kind as K]
    if (request === undefined) {
      const message = `The binary protocol has no command for ${command.kind}`
      return call.fail(new StorageError('E_UNSUPPORTED', message, { key: command.key.text }))
    }
    call.opaque = this.#take(1)
    const value = 'value' in command ? command.value : undefined
    const token = 'token' in command ? command.token : undefined
    encodeRequest(
      out,
      request.opcode(command),
      call.opaque,
      command.key,
      request.extras(command),
      value,
      token?.high,
      token?.low,
    )
    this.expect(call, ONE_REPLY)
  }

  /** The field has 32 bits: an unsigned shift wraps it around to 0 and keeps it from turning negative. */
  #take(count: number): number {
    const first = this.#opaque
    this.#opaque = (first + count) >>> 0
    return first
  }
}

function encodeServerCommand(out: OutBuffer, opaque: number, command: ServerCommand): void {
  switch (command.kind) {
    case 'flushAll':
      return encodeRequest(out, Opcode.flush, opaque, NO_KEY, [command.delaySeconds])
    case 'stats':
      return encodeRequest(out, Opcode.stat, opaque, { text: command.topic, bytes: command.topic.length })
    case 'version':
      return encodeRequest(out, Opcode.version, opaque, NO_KEY)
  }
}

const ONE_REPLY: Reader<BinaryFrame> = {
  receive(call: Call, frame: BinaryFrame, from: object): Receipt {
    const { command } = call
    if (frame.opaque !== call.opaque || frame.opcode !== opcodeOf(command)) throw misplacedReply()
    if ('key' in command) settle(call, command.kind, command, frame, from)
    else call.settle(command.kind === 'version' ? readText : readDone, frame, from, command)
    return 'last'
  },
}

function opcodeOf(command: Call['command']): number {
  if ('key' in command) return keyOpcode(command.kind, command)
  return command.kind === 'version' ? Opcode.version : Opcode.flush
}

function keyOpcode<K extends KeyKind>(kind: K, command: KeyCommand<K>): number {
  return BINARY_REQUESTS[kind]?.opcode(command) ?? -1
}

function settle<K extends KeyKind>(
  call: Call,
  kind: K,
  command: KeyCommand<K>,
  frame: BinaryFrame,
  from: object,
): void {
  call.settle(BINARY_REPLIES[kind], frame, from, command)
}

/** One request, and a reply for each line; one without a body ends them. */
class StatsReader implements Reader<BinaryFrame> {
  readonly #stats = new Map<string, string>()

  receive(call: Call, frame: BinaryFrame): Receipt {
    if (frame.opaque !== call.opaque || frame.opcode !== Opcode.stat) throw misplacedReply()
    if (frame.status !== Status.ok) call.fail(serverError(frame))
    else if (!frame.hasBody) call.succeed(this.#stats)
    else {
      this.#stats.set(frame.keyText(), frame.valueText())
      return 'more'
    }
    return 'last'
  }
}

export function openBinary(owner: SessionOwner): BinarySession {
  return new BinarySession(owner)
}

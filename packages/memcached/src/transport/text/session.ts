import { StorageError } from '@larder/storage-core/base'
import { encodeLine, MetaReceiver, type MetaReply, type OutBuffer } from '../../protocol/index.js'
import type { Call } from '../call.js'
import type { Command, Get, KeyCommand } from '../commands.js'
import type { Fifo } from '../fifo.js'
import { FrameSession, type Reader, type SessionOwner } from '../session.js'
import { GetBatch } from './get-batch.js'
import { GetLine, isPlainGet } from './get-line.js'
import { linesReader, serverLine } from './lines.js'
import { CountReader, ItemReader, ONE_LINE, StoreReader, TouchedReader } from './readers.js'
import { writeFirst, writeGets, writeLine } from './requests.js'
import { TextSetBatch } from './set-batch.js'

/** The classic text commands, which every server and proxy knows that is not for the binary protocol alone. */
class TextSession extends FrameSession<MetaReply> {
  readonly #receiver = new MetaReceiver((reply) => this.receive(reply))
  readonly #isProxied: boolean
  /** What the next read may share, where it follows at once. */
  #line: GetLine | undefined

  constructor(owner: SessionOwner, isProxied: boolean) {
    super(owner)
    this.#isProxied = isProxied
  }

  override beginWrite(): void {
    this.#line = undefined
  }

  override push(chunk: Buffer): void {
    this.#receiver.push(chunk)
  }

  override send(call: Call, out: OutBuffer, queue: Fifo<Call>): void {
    const { command } = call
    if (this.#isUnsupported(command)) return call.fail(unsupported(command))
    this.expect(call, this.#write(call, out, queue))
  }

  #isUnsupported({ kind }: Command): boolean {
    if (kind === 'peek') return true
    return this.#isProxied && (kind === 'flushAll' || kind === 'stats' || kind === 'version')
  }

  #write(call: Call, out: OutBuffer, queue: Fifo<Call>): Reader<MetaReply> {
    const { command } = call
    if (isPlainGet(call)) {
      const { key } = command as Get
      this.#line = GetLine.write(call, key, this.#line, out, queue, 'any')
      if (this.#line !== undefined) return this.#line
    }
    this.#line = undefined
    if ('key' in command) return writeOne(call, command, out)
    if (command.kind === 'getMulti') return new GetBatch(command.keys, out, 'any')
    if (command.kind === 'setMulti') return new TextSetBatch(command.items, out)
    encodeLine(out, serverLine(command))
    return linesReader(command)
  }
}

function writeOne(call: Call, command: KeyCommand, out: OutBuffer): Reader<MetaReply> {
  switch (command.kind) {
    case 'get':
      return writeGet(command, out)
    case 'state':
    case 'peek':
      writeGets(out, command)
      return new ItemReader((item) => item)
    case 'set':
    case 'add':
    case 'replace':
    case 'cas':
      if (call.step !== 'learn') writeLine(out, command)
      writeGets(out, command)
      return new StoreReader()
    case 'count':
      if (call.step === 'add') writeFirst(out, command)
      else writeLine(out, command)
      return command.initial === undefined ? ONE_LINE : new CountReader()
    default:
      writeLine(out, command)
      return ONE_LINE
  }
}

function writeGet(command: Get, out: OutBuffer): Reader<MetaReply> {
  const { key, exptime } = command
  if (exptime !== undefined) writeLine(out, { kind: 'touch', key, exptime })
  writeGets(out, command)
  return exptime === undefined ? new ItemReader(command.as) : new TouchedReader(command.as)
}

function unsupported(command: Command): StorageError {
  const { kind } = command
  if (!('key' in command)) {
    return new StorageError(
      'E_UNSUPPORTED',
      `The proxy has no command for ${kind}; ask its servers themselves`,
    )
  }
  const message = `The classic text protocol has no command for ${kind}`
  return new StorageError('E_UNSUPPORTED', message, { key: command.key.text })
}

/** For a server. */
export function openText(owner: SessionOwner): TextSession {
  return new TextSession(owner, false)
}

/** For a proxy such as twemproxy, which closes the connection on commands to the servers themselves. */
export function openProxiedText(owner: SessionOwner): TextSession {
  return new TextSession(owner, true)
}

import type { Readable } from 'node:stream'
import { processWide } from '../process-wide.js'
import { isAsyncIterable, IteratorReader } from './iterator-reader.js'
import { hearErrors, isNodeStream, NodeReader } from './node-reader.js'
import { alreadyRead, END, isFunction, type Reader, type Step } from './reader.js'
import { isWebStream, WebReader } from './web-reader.js'

/** Sources that can be read once, of which reading has begun. */
const begun = processWide('storage-core/begun-sources@1', () => new WeakSet<object>())

/** Throws `TypeError` for what gives no bytes, or gives them no more. Reads nothing. */
export function checkStream(source: unknown): void {
  if (isFunction(source)) return
  if (typeof source !== 'object' || source === null || !isReadable(source)) {
    throw new TypeError(
      'Content must be a string, a Uint8Array, a stream, an async iterable of bytes, or a function that opens one',
    )
  }
  if (begun.has(source) || isReadToTheEnd(source)) throw alreadyRead()
  if (isWebStream(source) && source.locked)
    throw new TypeError('The stream is locked: another reader is reading it')
  hearSource(source)
}

/** Takes anything. */
export function hearSource(source: unknown): void {
  if (typeof source === 'object' && source !== null && isNodeStream(source)) hearErrors(source)
}

/** Begins to read. Throws as `checkStream`. */
export function openSource(source: unknown): Reader {
  checkStream(source)
  if (isFunction(source)) return new OpenedReader(source)
  const stream = source as AsyncIterable<unknown> | ReadableStream | Readable
  const reader = readerOf(stream)
  if (!isReadableAgain(stream)) begun.add(stream)
  return reader
}

function readerOf(stream: AsyncIterable<unknown> | ReadableStream | Readable): Reader {
  if (isNodeStream(stream)) return new NodeReader(stream)
  if (isWebStream(stream)) return new WebReader(stream)
  return new IteratorReader(stream)
}

function isReadable(source: object): boolean {
  return isAsyncIterable(source) || isWebStream(source)
}

/** An iterable that makes an iterator for each loop. */
function isReadableAgain(source: object): boolean {
  return (
    !isNodeStream(source) && !isWebStream(source) && !isFunction((source as Record<string, unknown>)['next'])
  )
}

/** Such a stream would be stored as no bytes at all. */
function isReadToTheEnd(source: object): boolean {
  return isNodeStream(source) && source.readableEnded
}

/** Reads what a function opens, and closes it. */
class OpenedReader implements Reader {
  readonly #open: () => unknown
  #reader: Promise<Reader> | undefined

  constructor(open: () => unknown) {
    this.#open = open
  }

  async next(): Promise<Step> {
    this.#reader ??= openedReader(this.#open)
    return (await this.#reader).next()
  }

  stop(): Promise<void> {
    return this.end()
  }

  async end(): Promise<void> {
    const reader = await this.#reader?.catch(() => undefined)
    await reader?.end()
  }
}

async function openedReader(open: () => unknown): Promise<Reader> {
  const source = await open()
  return typeof source === 'string' || source instanceof Uint8Array
    ? new ChunkReader(source)
    : openSource(source)
}

class ChunkReader implements Reader {
  #chunk: string | Uint8Array | undefined

  constructor(chunk: string | Uint8Array) {
    this.#chunk = chunk
  }

  async next(): Promise<Step> {
    const chunk = this.#chunk
    this.#chunk = undefined
    return chunk === undefined ? END : { done: false, chunk }
  }

  async stop(): Promise<void> {
    this.#chunk = undefined
  }

  end(): Promise<void> {
    return this.stop()
  }
}

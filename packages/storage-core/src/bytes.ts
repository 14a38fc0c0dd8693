import { throwIfAborted } from './abort.js'
import type { ByteSource } from './storage.js'

/** What a source turns out to be, once checked. */
export type CheckedSource = { readonly bytes: Uint8Array } | { readonly stream: AsyncIterable<Uint8Array> }

/** Throws a `TypeError` for what cannot be stored. A string becomes UTF-8; bytes are not copied. */
export function checkSource(source: ByteSource): CheckedSource {
  if (typeof source === 'string') return { bytes: Buffer.from(source) }
  if (source instanceof Uint8Array) return { bytes: source }
  if (isAsyncIterable(source)) return { stream: chunksOf(source) }
  throw new TypeError('Content must be a string, a Uint8Array, an async iterable of bytes or a ReadableStream')
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}

async function* chunksOf(source: AsyncIterable<unknown>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of source) {
    if (chunk instanceof Uint8Array) yield chunk
    else if (typeof chunk === 'string') yield Buffer.from(chunk)
    else throw new TypeError('A content stream must yield bytes or strings')
  }
}

/** Reads a stream to its end, into bytes of its own. */
export async function collect(stream: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) {
    throwIfAborted(signal)
    // The source may use the memory of a chunk again once it is asked for the next.
    chunks.push(Uint8Array.from(chunk))
  }
  return chunks.length === 1 ? (chunks[0] ?? new Uint8Array()) : Buffer.concat(chunks)
}

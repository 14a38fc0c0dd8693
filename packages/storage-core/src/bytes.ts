import { SourceStream, utf8 } from './sources/index.js'
import type { ByteSource } from './storage.js'

/** What a source turns out to be, once checked. */
export type CheckedSource = { readonly bytes: Uint8Array } | { readonly stream: SourceStream }

/**
 * Throws a `TypeError` for what cannot be stored, and a `RangeError` for a string that has no UTF-8. A string becomes
 * UTF-8; bytes are not copied. A stream takes nothing more from its source once `signal` fires.
 */
export function checkSource(source: ByteSource, signal?: AbortSignal): CheckedSource {
  if (typeof source === 'string') return { bytes: utf8(source) }
  if (source instanceof Uint8Array) return { bytes: source }
  return { stream: new SourceStream(source, signal) }
}

/** Reads a stream to its end, into bytes of its own. */
export async function collect(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  // The source may use the memory of a chunk again once it is asked for the next.
  for await (const chunk of stream) chunks.push(new Uint8Array(chunk))
  return chunks.length === 1 ? (chunks[0] ?? new Uint8Array()) : Buffer.concat(chunks)
}

interface Closable {
  readonly destroy?: (this: object) => unknown
  readonly cancel?: (this: object) => unknown
  readonly return?: (this: object) => unknown
}

/**
 * Releases what a storage holds for a stream of `openContent` that nobody has begun to read. Does not wait for it, and
 * never throws.
 */
export function closeUnread(stream: AsyncIterable<Uint8Array> | undefined): void {
  if (stream === undefined) return
  const { destroy, cancel, return: end } = stream as Closable
  void (async () => (destroy ?? cancel ?? end)?.call(stream))().catch(() => undefined)
}

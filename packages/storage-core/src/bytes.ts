import { untilAborted } from './abort.js'
import { hasLoneSurrogate } from './names.js'
import type { ByteSource } from './storage.js'

/** What a source turns out to be, once checked. */
export type CheckedSource = { readonly bytes: Uint8Array } | { readonly stream: AsyncIterable<Uint8Array> }

/**
 * Throws a `TypeError` for what cannot be stored, and a `RangeError` for a string that has no UTF-8. A string becomes
 * UTF-8; bytes are not copied.
 */
export function checkSource(source: ByteSource): CheckedSource {
  if (typeof source === 'string') return { bytes: utf8(source) }
  if (source instanceof Uint8Array) return { bytes: source }
  if (isAsyncIterable(source)) {
    hearErrors(source)
    return { stream: chunksOf(source) }
  }
  throw new TypeError(
    'Content must be a string, a Uint8Array, an async iterable of bytes or a ReadableStream',
  )
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}

/** A Node stream that fails while it waits for its turn would end the process. Who reads it is told all the same. */
function hearErrors(source: object): void {
  const { on } = source as Record<string, unknown>
  if (isFunction(on))
    (on as (event: string, listener: () => void) => void).call(source, 'error', () => undefined)
}

/** Sources that somebody has begun to read, who also ends them. */
const begun = new WeakSet<object>()

/**
 * Ends a stream that nobody has begun to read and nobody will: a file behind it would stay open. A Node stream is
 * destroyed, a web stream cancelled, a generator returned. Does not wait for it, and never throws.
 */
export function closeUnread(source: unknown): void {
  if (typeof source !== 'object' || source === null || begun.has(source)) return
  const { destroy, cancel, next, return: end } = source as Record<string, unknown>
  const close = [destroy, cancel, typeof next === 'function' ? end : undefined].find(isFunction)
  if (close === undefined || source instanceof Uint8Array) return
  // A source that cannot be closed is its owner's.
  void (async () => close.call(source))().catch(() => undefined)
}

function isFunction(value: unknown): value is (this: object) => unknown {
  return typeof value === 'function'
}

async function* chunksOf(source: AsyncIterable<unknown>): AsyncGenerator<Uint8Array, void, undefined> {
  begun.add(source)
  for await (const chunk of source) {
    if (chunk instanceof Uint8Array) yield chunk
    else if (typeof chunk === 'string') yield utf8(chunk)
    else throw new TypeError('A content stream must yield bytes or strings')
  }
}

function utf8(text: string): Uint8Array {
  // Half a pair would be stored as U+FFFD, and what is read back would not be what was written.
  if (hasLoneSurrogate(text))
    throw new RangeError('The text contains half a surrogate pair, which has no UTF-8')
  return Buffer.from(text)
}

/** The same stream, which fails with `E_ABORTED` when `signal` fires, also while its source hangs. */
export async function* abortable<T>(
  stream: AsyncIterable<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T, void, undefined> {
  const iterator = stream[Symbol.asyncIterator]()
  let betweenChunks = false
  try {
    for (;;) {
      betweenChunks = false
      const step = await untilAborted(iterator.next(), signal)
      if (step.done === true) return
      betweenChunks = true
      yield step.value
    }
  } finally {
    if (betweenChunks) await iterator.return?.()
    // A source that hangs is told, but does not answer.
    else if (signal?.aborted === true) void Promise.resolve(iterator.return?.()).catch(() => undefined)
  }
}

/** Reads a stream to its end, into bytes of its own. */
export async function collect(stream: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  // The source may use the memory of a chunk again once it is asked for the next.
  for await (const chunk of abortable(stream, signal)) chunks.push(new Uint8Array(chunk))
  return chunks.length === 1 ? (chunks[0] ?? new Uint8Array()) : Buffer.concat(chunks)
}

import { abortable, type PartChange, StorageError } from '@larder/storage-core'
import type { Bodies } from './bodies.js'
import type { Settings } from '../options.js'

/** Content on its way into a row: the bytes themselves, or the body that holds them by now. */
export type TakenContent =
  | 'remove'
  | { readonly bytes: Uint8Array; readonly size: number; readonly body?: undefined }
  | { readonly body: number; readonly size: number; readonly bytes?: undefined }

/** Takes in what is to become the content. What does not fit in a row is stored, chunk by chunk, as it comes. */
export async function takeContent(
  change: PartChange,
  bodies: Bodies,
  settings: Settings,
  signal: AbortSignal | undefined,
): Promise<TakenContent> {
  if (change === 'remove') return change
  if ('bytes' in change && change.bytes.length <= settings.inlineMaxBytes) {
    // A transaction that is repeated must not write what the caller has changed since.
    return { bytes: Buffer.from(change.bytes), size: change.bytes.length }
  }
  const pieces = piecesOf(change, settings, signal)
  const first = await pieces.next()
  if (first.done === true) return { bytes: new Uint8Array(), size: 0 }
  const second = first.value.length <= settings.inlineMaxBytes ? await pieces.next() : undefined
  if (second?.done === true) return { bytes: first.value, size: first.value.length }
  const head = second === undefined ? [first.value] : [first.value, second.value]
  return storeBody(head, pieces, bodies, settings, signal)
}

/** All of the metadata, which is stored in the row whatever its size. */
export async function takeMetadata(
  change: PartChange,
  { metadataMaxBytes }: Settings,
  signal: AbortSignal | undefined,
): Promise<'remove' | Uint8Array> {
  if (change === 'remove') return change
  if ('bytes' in change) {
    if (change.bytes.length > metadataMaxBytes) throw tooLarge(metadataMaxBytes)
    return Buffer.from(change.bytes)
  }
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of abortable(change.stream, signal)) {
    size += chunk.length
    if (size > metadataMaxBytes) throw tooLarge(metadataMaxBytes)
    chunks.push(new Uint8Array(chunk))
  }
  return Buffer.concat(chunks)
}

async function storeBody(
  head: readonly Uint8Array[],
  rest: AsyncIterable<Uint8Array>,
  bodies: Bodies,
  { streamPauseMs }: Settings,
  signal: AbortSignal | undefined,
): Promise<TakenContent> {
  const body = await bodies.begin(signal)
  let seq = 0
  let size = 0
  let keptAt = performance.now()
  const store = async (piece: Uint8Array): Promise<void> => {
    await bodies.append(body, seq++, piece, signal)
    size += piece.length
    if (performance.now() - keptAt < streamPauseMs / 4) return
    await bodies.keep(body, signal)
    keptAt = performance.now()
  }
  try {
    for (const piece of head) await store(piece)
    for await (const piece of rest) await store(piece)
    return { body, size }
  } catch (error) {
    await bodies.discard(body)
    throw error
  }
}

/** Pieces of the chunk size, whatever sizes come in. Each is valid until the next is asked for. */
async function* piecesOf(
  change: Exclude<PartChange, 'remove'>,
  { chunkBytes }: Settings,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  if ('bytes' in change) {
    for (let at = 0; at < change.bytes.length; at += chunkBytes)
      yield change.bytes.subarray(at, at + chunkBytes)
    return
  }
  let piece = Buffer.allocUnsafe(chunkBytes)
  let filled = 0
  for await (const chunk of abortable(change.stream, signal)) {
    for (let at = 0; at < chunk.length;) {
      const taken = Math.min(chunk.length - at, chunkBytes - filled)
      piece.set(chunk.subarray(at, at + taken), filled)
      filled += taken
      at += taken
      if (filled < chunkBytes) continue
      yield piece
      // The one before is still held while the first two are compared with the inline limit.
      piece = Buffer.allocUnsafe(chunkBytes)
      filled = 0
    }
  }
  if (filled > 0) yield piece.subarray(0, filled)
}

function tooLarge(limit: number): StorageError {
  return new StorageError('E_TOO_LARGE', `The metadata is larger than ${limit} bytes`)
}

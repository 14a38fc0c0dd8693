import { StorageError } from '@larder/storage-core'
import { type PartChange, type WriteRequest } from '@larder/storage-core/driver'
import { type ContentChunks, KEPT_AFTER } from './content-chunks.js'
import type { Settings } from '../options.js'

/** Content on its way into a row: the bytes themselves, or the body that holds them by now. */
export type TakenContent =
  | 'remove'
  | { readonly bytes: Uint8Array; readonly size: number; readonly body?: undefined }
  | { readonly body: number; readonly size: number; readonly bytes?: undefined }

/** A write whose streams have been read. */
export interface TakenWrite {
  readonly request: WriteRequest
  readonly content: TakenContent | undefined
  readonly metadata: 'remove' | Uint8Array | undefined
}

/** Takes in what several requests bring, one after the other. What was stored is dropped where one of them fails. */
export async function takeWrites(
  requests: readonly WriteRequest[],
  chunks: ContentChunks,
  settings: Settings,
  signal: AbortSignal | undefined,
): Promise<TakenWrite[]> {
  const taken: TakenWrite[] = []
  const kept: Kept = { at: 0 }
  try {
    for (const request of requests) {
      const { content, metadata } = request.changes
      const stored = content && (await takeContent(content, chunks, settings, signal, bodiesOf(taken), kept))
      taken.push({ request, content: stored, metadata: undefined })
      if (metadata === undefined) continue
      const described = await takeMetadata(metadata, settings)
      taken.splice(-1, 1, { request, content: stored, metadata: described })
      if (!needsChunks(stored, described, settings)) continue
      const chunked = await storeInChunks(stored.bytes, chunks, settings, signal, bodiesOf(taken), kept)
      taken.splice(-1, 1, { request, content: chunked, metadata: described })
    }
    return taken
  } catch (error) {
    await discardWrites(taken, chunks)
    throw error
  }
}

/** Of writes that were given up. Never rejects. */
export async function discardWrites(taken: readonly TakenWrite[], chunks: ContentChunks): Promise<void> {
  for (const body of bodiesOf(taken)) await chunks.discard(body)
}

function bodiesOf(taken: readonly TakenWrite[]): number[] {
  return taken.flatMap(({ content }) =>
    typeof content === 'object' && content.body !== undefined ? [content.body] : [],
  )
}

/**
 * Takes in what is to become the content. What does not fit in a row is stored, chunk by chunk, as it comes. Bodies that
 * came `earlier` are kept meanwhile.
 */
async function takeContent(
  change: PartChange,
  chunks: ContentChunks,
  settings: Settings,
  signal: AbortSignal | undefined,
  earlier: readonly number[],
  kept: Kept,
): Promise<TakenContent> {
  if (change === 'remove') return change
  if ('bytes' in change && change.bytes.length <= settings.inlineMaxBytes) {
    // A transaction that is repeated must not write what the caller has changed since.
    return { bytes: Buffer.from(change.bytes), size: change.bytes.length }
  }
  const upload = new Upload(chunks, earlier, kept, settings, signal)
  const pieces = piecesOf(change, settings, () => upload.keep())
  try {
    return await takePieces(pieces, upload, settings)
  } catch (error) {
    // After any failure: read nothing more, and drop what was stored.
    await pieces.return().catch(() => undefined)
    await upload.discard()
    throw error
  }
}

type InlineContent = TakenContent & { readonly bytes: Uint8Array }

/** Content that fits a row, but not together with this metadata in one statement. */
function needsChunks(
  content: TakenContent | undefined,
  metadata: 'remove' | Uint8Array,
  { rowMaxBytes }: Settings,
): content is InlineContent {
  if (typeof content !== 'object' || content.bytes === undefined) return false
  return content.size + metadata.length > rowMaxBytes
}

async function storeInChunks(
  bytes: Uint8Array,
  chunks: ContentChunks,
  settings: Settings,
  signal: AbortSignal | undefined,
  earlier: readonly number[],
  kept: Kept,
): Promise<TakenContent> {
  const upload = new Upload(chunks, earlier, kept, settings, signal)
  try {
    for (let at = 0; at < bytes.length; at += settings.chunkBytes)
      await upload.store(bytes.subarray(at, at + settings.chunkBytes))
    return upload.taken()
  } catch (error) {
    await upload.discard()
    throw error
  }
}

async function takePieces(
  pieces: AsyncGenerator<Uint8Array, void, undefined>,
  upload: Upload,
  settings: Settings,
): Promise<TakenContent> {
  const first = await pieces.next()
  if (first.done === true) return { bytes: new Uint8Array(), size: 0 }
  const second = first.value.length <= settings.inlineMaxBytes ? await pieces.next() : undefined
  // A copy: the buffer has the size of a chunk, even if little is in it.
  if (second?.done === true) return { bytes: Buffer.from(first.value), size: first.value.length }
  await upload.store(first.value)
  if (second !== undefined) await upload.store(second.value)
  for await (const piece of pieces) await upload.store(piece)
  return upload.taken()
}

/** All of the metadata. Any size is stored in the row. */
async function takeMetadata(change: PartChange, settings: Settings): Promise<'remove' | Uint8Array> {
  if (change === 'remove') return change
  if ('bytes' in change) {
    checkMetadataSize(change.bytes.length, settings)
    return Buffer.from(change.bytes)
  }
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of change.stream) {
    size += chunk.length
    checkMetadataSize(size, settings)
    chunks.push(new Uint8Array(chunk))
  }
  return Buffer.concat(chunks)
}

/** When the bodies of a call were last kept, or the first of them begun. */
interface Kept {
  at: number
}

/** A body that is being stored; there is none before the first piece. */
class Upload {
  readonly #chunks: ContentChunks
  readonly #earlier: readonly number[]
  readonly #keepEveryMs: number
  readonly #signal: AbortSignal | undefined
  #body: number | undefined
  #seq = 0
  #size = 0
  readonly #kept: Kept

  constructor(
    chunks: ContentChunks,
    earlier: readonly number[],
    kept: Kept,
    { streamPauseMs }: Settings,
    signal: AbortSignal | undefined,
  ) {
    this.#chunks = chunks
    this.#earlier = earlier
    this.#kept = kept
    this.#keepEveryMs = streamPauseMs * KEPT_AFTER
    this.#signal = signal
  }

  async store(piece: Uint8Array): Promise<void> {
    if (this.#body === undefined) {
      if (this.#earlier.length === 0) this.#kept.at = performance.now()
      this.#body = await this.#chunks.begin(this.#signal)
    }
    await this.#chunks.append(this.#body, this.#seq++, piece, this.#signal)
    this.#size += piece.length
    await this.keep()
  }

  /** Puts off the expiry, now and then. A stream that is slow may take long to fill a piece. */
  async keep(): Promise<void> {
    const kept = this.#body === undefined ? this.#earlier : [...this.#earlier, this.#body]
    const now = performance.now()
    if (kept.length === 0 || now - this.#kept.at < this.#keepEveryMs) return
    for (const body of kept) await this.#chunks.keep(body, this.#signal)
    this.#kept.at = now
  }

  taken(): TakenContent {
    if (this.#body === undefined) throw new Error('Nothing was stored')
    return { body: this.#body, size: this.#size }
  }

  async discard(): Promise<void> {
    if (this.#body !== undefined) await this.#chunks.discard(this.#body)
  }
}

/** Pieces of the chunk size. Each is valid until the next is asked for. */
async function* piecesOf(
  change: Exclude<PartChange, 'remove'>,
  { chunkBytes }: Settings,
  arrived: () => Promise<void>,
): AsyncGenerator<Uint8Array, void, undefined> {
  if ('bytes' in change) {
    for (let at = 0; at < change.bytes.length; at += chunkBytes)
      yield change.bytes.subarray(at, at + chunkBytes)
    return
  }
  let piece = Buffer.allocUnsafe(chunkBytes)
  let filled = 0
  for await (const chunk of change.stream) {
    await arrived()
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

function checkMetadataSize(bytes: number, { metadataMaxBytes, rowMaxBytes }: Settings): void {
  if (bytes > metadataMaxBytes)
    throw new StorageError('E_TOO_LARGE', `The metadata is larger than ${metadataMaxBytes} bytes`)
  if (bytes > rowMaxBytes) {
    const message = `The metadata is larger than ${rowMaxBytes} bytes, which is what the server's max_allowed_packet takes`
    throw new StorageError('E_TOO_LARGE', message)
  }
}

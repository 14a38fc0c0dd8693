import { type PartName, type WriteResult } from '@larder/storage-core'
import { type PartChange, type WriteRequest } from '@larder/storage-core/driver'
import { storedPart } from '../coherence/index.js'
import type { OwnErrors } from './own-errors.js'
import type { Content } from './part-form.js'

/** What all streams of one call may still keep, in bytes. */
export interface Room {
  left: number
}

/** Keeps what a write stores, as it passes by, for the cache; streams up to a limit. */
export class Recorder {
  readonly #changes: WriteRequest['changes']
  readonly #ownErrors: OwnErrors
  readonly #maxBytes: number
  readonly #room: Room
  readonly #recorded = new Map<PartName, Uint8Array[] | 'too large'>()

  constructor(
    changes: WriteRequest['changes'],
    ownErrors: OwnErrors,
    maxBytes: number,
    room: Room = { left: Infinity },
  ) {
    this.#ownErrors = ownErrors
    this.#room = room
    this.#changes = changes
    this.#maxBytes = maxBytes
  }

  /** The source to hand on in place of the change's own. */
  sourceOf(part: PartName, change: Exclude<PartChange, 'remove'>): Uint8Array | AsyncIterable<Uint8Array> {
    return 'bytes' in change ? change.bytes : this.#record(part, change.stream)
  }

  /** What the cache is to hold of the part after the write. */
  contentOf(part: PartName, { version, modifiedAt }: WriteResult): Content {
    const change = this.#changes[part]
    if (change === undefined || change === 'remove') return { absentSince: version }
    if ('bytes' in change) return storedPart(version, modifiedAt.getTime(), viewOf(change.bytes))
    const recorded = this.#recorded.get(part)
    if (recorded === undefined || recorded === 'too large') return 'uncached'
    return storedPart(version, modifiedAt.getTime(), Buffer.concat(recorded))
  }

  async *#record(
    part: PartName,
    stream: AsyncIterable<Uint8Array>,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    let chunks: Uint8Array[] | undefined = []
    let size = 0
    this.#recorded.delete(part)
    for await (const chunk of this.#watched(stream)) {
      size += chunk.length
      this.#room.left -= chunks === undefined ? 0 : chunk.length
      if (chunks !== undefined && (size > this.#maxBytes || this.#room.left < 0)) {
        chunks = undefined
        this.#room.left += size
      }
      // The source may use the chunk's memory again.
      chunks?.push(Uint8Array.from(chunk))
      yield chunk
    }
    this.#recorded.set(part, chunks ?? 'too large')
  }

  async *#watched(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* stream
    } catch (error) {
      this.#ownErrors.add(error)
      throw error
    }
  }
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

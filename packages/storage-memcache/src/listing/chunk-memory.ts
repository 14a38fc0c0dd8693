import { LRUCache } from 'lru-cache'
import { CHUNK_BYTES, type MemberChunk } from './member-chunk.js'

/** What a chunk takes when its names are strings, as a multiple of its bytes. */
const DECODED_SHARE = 2

/**
 * Chunks of listings as this process has decoded them. A chunk never changes and its key is never used again, so that
 * one that was seen stays right for as long as its head stands; which is asked each time.
 */
export class ChunkMemory {
  readonly #maxBytes: number
  readonly #chunks: LRUCache<string, MemberChunk> | undefined

  /** 0 keeps nothing. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
    if (maxBytes >= 1) this.#chunks = new LRUCache({ maxSize: Math.floor(maxBytes) })
  }

  /** Whether all chunks of a set can be kept: of one that is read through, the first would be gone at the next time. */
  hasRoomFor(chunks: number): boolean {
    return chunks * CHUNK_BYTES * DECODED_SHARE <= this.#maxBytes
  }

  get(key: string): MemberChunk | undefined {
    return this.#chunks?.get(key)
  }

  keep(key: string, chunk: MemberChunk, bytes: number): void {
    this.#chunks?.set(key, chunk, { size: bytes * DECODED_SHARE })
  }
}

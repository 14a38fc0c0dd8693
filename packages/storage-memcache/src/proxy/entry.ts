import { etagOf, type StoredPart } from '@larder/storage-core'
import type { CacheItem } from '../cache.js'
import type { SplitBody } from './chunks.js'

/**
 * What stands under a part's key, told apart by client flags. The upper 24 bits say that this library wrote the
 * item; what another program put there is `'foreign'` and never taken for a value.
 */
export type EntryKind = 'value' | 'absent' | 'split' | 'lease' | 'mark' | 'head' | 'bucket' | 'record'

const SIGNATURE = 0x4c44_5200
const KIND_BITS: Readonly<Record<EntryKind, number>> = Object.freeze({
  value: 1,
  absent: 2,
  split: 3,
  lease: 4,
  mark: 5,
  head: 6,
  bucket: 7,
  record: 8,
})
const KINDS = new Map(Object.entries(KIND_BITS).map(([kind, bits]) => [SIGNATURE + bits, kind as EntryKind]))

export function flagsOf(kind: EntryKind): number {
  return SIGNATURE + KIND_BITS[kind]
}

export function kindOf(item: CacheItem): EntryKind | 'foreign' {
  return KINDS.get(item.flags) ?? 'foreign'
}

export const EMPTY = new Uint8Array()

/** Version and time of the last write, each a double; memcached keeps the length. */
const HEADER_BYTES = 16

function header(version: number, modifiedAtMs: number, room: number): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + room)
  bytes.writeDoubleBE(version, 0)
  bytes.writeDoubleBE(modifiedAtMs, 8)
  return bytes
}

export const VALUE_OVERHEAD = HEADER_BYTES

export function encodeValue(part: StoredPart): Buffer {
  const bytes = header(part.version, part.modifiedAt.getTime(), part.bytes.length)
  bytes.set(part.bytes, HEADER_BYTES)
  return bytes
}

/** Undefined for bytes too short to be a value. The part's bytes are the item's. */
export function decodeValue({ value }: CacheItem): StoredPart | undefined {
  if (value.length < HEADER_BYTES) return undefined
  return storedPart(value.readDoubleBE(0), value.readDoubleBE(8), value.subarray(HEADER_BYTES))
}

export function encodeAbsent(version: number): Buffer {
  return header(version, 0, 0)
}

/** The version of a value, an absence or a split value; 0 where it cannot be told. */
export function versionOf({ value }: CacheItem): number {
  return value.length < HEADER_BYTES ? 0 : value.readDoubleBE(0)
}

/** A value over the item limit: its chunks are items of their own, under keys that nobody else ever uses. */
export interface SplitHead extends SplitBody {
  readonly version: number
  readonly modifiedAtMs: number
}

const SPLIT_BYTES = HEADER_BYTES + 12

export function encodeSplit(split: SplitHead): Buffer {
  const id = Buffer.from(split.bodyId, 'latin1')
  const bytes = header(split.version, split.modifiedAtMs, 12 + id.length)
  bytes.writeDoubleBE(split.size, HEADER_BYTES)
  bytes.writeUInt32BE(split.chunkBytes, HEADER_BYTES + 8)
  bytes.set(id, SPLIT_BYTES)
  return bytes
}

export function decodeSplit({ value }: CacheItem): SplitHead | undefined {
  if (value.length <= SPLIT_BYTES) return undefined
  return {
    version: value.readDoubleBE(0),
    modifiedAtMs: value.readDoubleBE(8),
    size: value.readDoubleBE(HEADER_BYTES),
    chunkBytes: value.readUInt32BE(HEADER_BYTES + 8),
    bodyId: value.toString('latin1', SPLIT_BYTES),
  }
}

export function storedPart(version: number, modifiedAtMs: number, bytes: Buffer): StoredPart {
  return { version, etag: etagOf(version), size: bytes.length, modifiedAt: new Date(modifiedAtMs), bytes }
}

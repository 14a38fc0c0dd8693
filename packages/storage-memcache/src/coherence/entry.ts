import type { CacheItem } from '@larder/memcached'
import { type StoredPart } from '@larder/storage-core'
import { etagOf } from '@larder/storage-core/driver'
import type { SplitBody } from './chunks.js'

/**
 * What stands under a part's key, told apart by client flags. The upper 24 bits say that this library wrote the
 * item; what another program put there is `'foreign'` and never taken for a value.
 */
export type EntryKind =
  'value' | 'absent' | 'split' | 'lease' | 'mark' | 'head' | 'bucket' | 'names' | 'record'

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
  names: 9,
})
/** Beside the kind, for a value that says until when it is fresh. */
const STAMPED = 0x80
const KINDS = new Map(Object.entries(KIND_BITS).map(([kind, bits]) => [SIGNATURE + bits, kind as EntryKind]))
for (const kind of ['value', 'split'] as const) KINDS.set(SIGNATURE + KIND_BITS[kind] + STAMPED, kind)

export function flagsOf(kind: EntryKind): number {
  return SIGNATURE + KIND_BITS[kind]
}

/** The flags of a value that is fresh until then; undefined: as long as it stays. */
export function valueFlags(kind: 'value' | 'split', freshUntil: number | undefined): number {
  return flagsOf(kind) + (freshUntil === undefined ? 0 : STAMPED)
}

export function kindOf(item: Pick<CacheItem, 'flags'>): EntryKind | 'foreign' {
  return KINDS.get(item.flags) ?? 'foreign'
}

export const EMPTY = new Uint8Array()

/** Version and time of the last write, each a double, and where it is stamped, until when it is fresh. */
const HEADER_BYTES = 16
const STAMPED_BYTES = HEADER_BYTES + 8

function header(version: number, modifiedAtMs: number, freshUntil: number | undefined, room: number): Buffer {
  const bytes = Buffer.allocUnsafe(overheadOf(freshUntil) + room)
  bytes.writeDoubleBE(version, 0)
  bytes.writeDoubleBE(modifiedAtMs, 8)
  if (freshUntil !== undefined) bytes.writeDoubleBE(freshUntil, HEADER_BYTES)
  return bytes
}

/** How many bytes a value takes beside its own. */
export function overheadOf(freshUntil: number | undefined): number {
  return freshUntil === undefined ? HEADER_BYTES : STAMPED_BYTES
}

/** Whether it is a value that says until when it is fresh. */
export function isStamped({ flags }: Pick<CacheItem, 'flags'>): boolean {
  return (flags & STAMPED) !== 0
}

function bodyOffset(item: CacheItem): number {
  return isStamped(item) ? STAMPED_BYTES : HEADER_BYTES
}

export function encodeValue(part: StoredPart, freshUntil: number | undefined): Buffer {
  const bytes = header(part.version, part.modifiedAt.getTime(), freshUntil, part.bytes.length)
  bytes.set(part.bytes, overheadOf(freshUntil))
  return bytes
}

/** Undefined for bytes too short to be a value. The part's bytes are the item's. */
export function decodeValue(item: CacheItem): StoredPart | undefined {
  const { value } = item
  const offset = bodyOffset(item)
  if (value.length < offset) return undefined
  return storedPart(value.readDoubleBE(0), value.readDoubleBE(8), value.subarray(offset))
}

/** Until when a value is fresh, by the wall clock; for ever where it does not say. */
export function freshUntilOf(item: CacheItem): number {
  const says = isStamped(item) && item.value.length >= STAMPED_BYTES
  return says ? item.value.readDoubleBE(HEADER_BYTES) : Infinity
}

export function encodeAbsent(version: number): Buffer {
  return header(version, 0, undefined, 0)
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

const SPLIT_BYTES = 12

export function encodeSplit(split: SplitHead, freshUntil: number | undefined): Buffer {
  const id = Buffer.from(split.bodyId, 'latin1')
  const offset = overheadOf(freshUntil)
  const bytes = header(split.version, split.modifiedAtMs, freshUntil, SPLIT_BYTES + id.length)
  bytes.writeDoubleBE(split.size, offset)
  bytes.writeUInt32BE(split.chunkBytes, offset + 8)
  bytes.set(id, offset + SPLIT_BYTES)
  return bytes
}

export function decodeSplit(item: CacheItem): SplitHead | undefined {
  const { value } = item
  const offset = bodyOffset(item)
  if (value.length <= offset + SPLIT_BYTES) return undefined
  return {
    version: value.readDoubleBE(0),
    modifiedAtMs: value.readDoubleBE(8),
    size: value.readDoubleBE(offset),
    chunkBytes: value.readUInt32BE(offset + 8),
    bodyId: value.toString('latin1', offset + SPLIT_BYTES),
  }
}

export function storedPart(version: number, modifiedAtMs: number, bytes: Buffer): StoredPart {
  return { version, etag: etagOf(version), size: bytes.length, modifiedAt: new Date(modifiedAtMs), bytes }
}

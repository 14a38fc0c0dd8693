/** A resource has two parts, each with bytes and a version of its own. */
export type PartName = 'content' | 'metadata'

/** The names of both parts. */
export const PART_NAMES: readonly PartName[] = Object.freeze(['content', 'metadata'])

/**
 * The address of a resource, or of a whole collection where `resource` is undefined. Made by `Storage.info()`
 * without any I/O. Every storage takes the infos of every other: what is not its own is translated by its names.
 */
export interface ResourceInfo {
  readonly collection: string
  readonly resource: string | undefined
  /** What the storage that made it files the resource under. The same arguments give the same key. */
  readonly key: string
  /** The address in the storage behind, where the one that made it is a proxy. */
  readonly inner?: ResourceInfo | undefined
  /** What a part is cached under, where the one that made it is a proxy: made once, when it is first asked for. */
  partKey?(part: PartName): string | undefined
}

/**
 * Grows with every write of the resource, and never starts again, not even when the resource is removed and
 * created anew. A safe integer, at least 1.
 */
export type Version = number

/** A version as a strong entity tag, quotes included, ready for an HTTP `ETag` header. */
export function etagOf(version: Version): string {
  return `"${version}"`
}

/** What is known of a stored part without its bytes. */
export interface PartInfo {
  readonly version: Version
  readonly etag: string
  /** In bytes. */
  readonly size: number
  /** When this version was written, by the clock of the process that wrote it. */
  readonly modifiedAt: Date
}

export interface StoredPart extends PartInfo {
  /** Owned by the caller, who may change it. */
  readonly bytes: Buffer
}

/** A part of which the bytes come as they are read. */
export interface PartStream extends PartInfo {
  /**
   * Can be iterated once. Ending the loop early releases what the storage held for it. Should the content be
   * replaced meanwhile, the stream continues with the old content, or fails with `E_CONFLICT`; it never mixes two.
   */
  readonly stream: AsyncIterable<Uint8Array>
}

/** One line of a listing. */
export interface ListEntry {
  readonly name: string
  readonly info: ResourceInfo
  /** The version of the last write of any part. */
  readonly version: Version
  readonly modifiedAt: Date
}

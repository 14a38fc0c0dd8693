import type { StoredPart, WriteResult } from '@larder/storage-core'
import { type EntryRecord, recordCodec } from '../atom/index.js'
import type { Version } from './conditions.js'

/** A version of an entry that is stored. */
export interface Entry extends Version {
  /** In its collection. */
  readonly name: string
  readonly record: EntryRecord
  /** Grows with each write of the entry or its media. */
  readonly version: number
  /** `app:edited`: when the entry, or its media, was written. */
  readonly modifiedAt: Date
}

export function entryOf(name: string, { bytes, version, etag, modifiedAt }: StoredPart): Entry {
  return { name, record: recordCodec.decode(bytes, 0), version, etag, modifiedAt }
}

export function writtenEntry(
  name: string,
  record: EntryRecord,
  { version, etag, modifiedAt }: WriteResult,
): Entry {
  return { name, record, version, etag, modifiedAt }
}

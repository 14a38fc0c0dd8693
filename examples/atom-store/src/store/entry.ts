import type { StoredPart, WriteResult } from '@larder/storage-core'
import { type EntryRecord, recordCodec } from '../atom/entry-record.js'

/** An entry that is stored. */
export interface Entry {
  /** In its collection. */
  readonly name: string
  readonly record: EntryRecord
  /** That of the stored version. */
  readonly etag: string
  /** `app:edited`: when the entry, or its media, was written. */
  readonly editedAt: Date
}

export function entryOf(name: string, { bytes, etag, modifiedAt }: StoredPart): Entry {
  return { name, record: recordCodec.decode(bytes, 0), etag, editedAt: modifiedAt }
}

export function writtenEntry(name: string, record: EntryRecord, { etag, modifiedAt }: WriteResult): Entry {
  return { name, record, etag, editedAt: modifiedAt }
}

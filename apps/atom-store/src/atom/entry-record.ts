import { jsonCodec } from '@larder/storage-core'

export interface Category {
  readonly term: string
  readonly scheme?: string | undefined
  readonly label?: string | undefined
}

/** An entry as it is stored, with what is asked of many entries laid out, so that reading parses no XML. */
export interface EntryRecord {
  readonly id: string
  /** As plain text. */
  readonly title: string
  /** As the author says, in RFC 3339; when it was edited is what the storage knows. */
  readonly updated: string
  readonly published: string
  readonly draft: boolean
  readonly categories: readonly Category[]
  /** Of the media that this entry describes; undefined for an entry of its own. */
  readonly mediaType?: string | undefined
  /** It has neither a content nor a link to where it is shown. */
  readonly needsAlternate: boolean
  /**
   * The entry, ending in `</entry>`, without what depends on the address and the time: `self`, `edit` and `edit-media` links,
   * `app:edited`, and the `content` of a media link entry.
   */
  readonly xml: string
}

export const recordCodec = jsonCodec<EntryRecord>()

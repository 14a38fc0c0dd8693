import { randomUUID } from 'node:crypto'
import type { EntryRecord, EntryTerms } from '../atom/index.js'

const NOBODY = 'Anonymous'

export function newTerms(user: string | undefined): EntryTerms {
  const now = new Date().toISOString()
  const id = `urn:uuid:${randomUUID()}`
  return { id, published: now, keepPublished: false, now, author: user ?? NOBODY, mediaType: undefined }
}

/** What stays when an entry is replaced. */
export function sameTerms({ id, published, mediaType }: EntryRecord, user: string | undefined): EntryTerms {
  const now = new Date().toISOString()
  return { id, published, keepPublished: true, now, author: user ?? NOBODY, mediaType }
}

import { escapeXml } from './escape.js'
import { type EntrySource, parseEntry } from './entry-source.js'
import { ATOM } from './names.js'

/** What describes media of which nothing is known but a title. */
export function mediaLinkEntry(title: string): EntrySource {
  return parseEntry(
    Buffer.from(`<entry xmlns="${ATOM}"><title>${escapeXml(title)}</title><summary></summary></entry>`),
  )
}

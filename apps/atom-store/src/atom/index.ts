/** XML of Atom: feeds, entries, service documents. */

export { atomChildren } from './constructs.js'
export { type Category, type EntryRecord, recordCodec } from './entry-record.js'
export { entryIn, type EntrySource, parseEntry, parseEntryInPieces } from './entry-source.js'
export { escapeXml } from './escape.js'
export { mediaLinkEntry } from './media-link-entry.js'
export { APP, ATOM, ENTRY_TYPE, FEED_TYPE, SERVICE_TYPE, XHTML } from './names.js'
export { type EntryTerms, recordOf } from './normalize.js'
export { parseText, parseTextInPieces } from './parse-xml.js'
export { serialize } from './serialize.js'
export { type Text, textOf } from './text.js'
export { XmlElement } from './tree.js'

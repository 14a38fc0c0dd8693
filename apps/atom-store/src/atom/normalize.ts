import type { EntryRecord } from './entry-record.js'
import { atomChildren } from './constructs.js'
import { type EntrySource } from './entry-source.js'
import { APP, ATOM } from './names.js'
import { serialize } from './serialize.js'
import { isTextType } from './text.js'
import { declaredPrefix, XmlElement } from './tree.js'

const SERVERS_LINKS: readonly string[] = ['self', 'edit', 'edit-media']
const RELATIONS = /^https?:\/\/www\.iana\.org\/assignments\/relation\//i

/** What the store says about an entry, whatever the client says. */
export interface EntryTerms {
  readonly id: string
  /** Where the client gives none. */
  readonly published: string
  /** Stays as it was; else the client's own counts. */
  readonly keepPublished: boolean
  readonly now: string
  readonly author: string
  readonly mediaType: string | undefined
}

/** The entry as it is stored: the client's, with all markup that is not the server's own kept. */
export function recordOf(source: EntrySource, terms: EntryTerms): EntryRecord {
  const { id, mediaType } = terms
  const published = (terms.keepPublished ? undefined : source.published) ?? terms.published
  const updated = source.updated ?? terms.now
  const root = rebuilt(source.root)
  root.remove((child) => isServers(child, mediaType !== undefined))
  setWord(root, 'id', id)
  setWord(root, 'updated', updated)
  setWord(root, 'published', published)
  if (atomChildren(root, 'author').length === 0 && !hasSourceAuthor(root)) addAuthor(root, terms.author)
  // RFC 4287, section 4.1.2: what has its content elsewhere has a summary.
  if (needsSummary(root, mediaType) && atomChildren(root, 'summary').length === 0) appendNew(root, 'summary')
  return {
    id,
    title: source.title,
    updated,
    published,
    draft: source.draft,
    categories: source.categories,
    mediaType,
    needsAlternate: mediaType === undefined && !hasContent(root),
    xml: serialize(root),
  }
}

/** With `entry` in the default namespace, however the client wrote it, so that all that is stored ends alike. */
function rebuilt(given: XmlElement): XmlElement {
  const root = new XmlElement(ATOM, 'entry', [...given.children])
  root.attributes = given.attributes.filter((each) => declaredPrefix(each) !== '')
  return root
}

/** What depends on the address and the time, and is added where the entry is shown. */
function isServers(child: XmlElement, isMedia: boolean): boolean {
  if (child.namespace === APP) return child.local === 'edited'
  if (child.namespace !== ATOM) return false
  if (child.local === 'link') return SERVERS_LINKS.includes(relationOf(child))
  return isMedia && child.local === 'content'
}

/** A relation may be written as an IRI: RFC 4287, section 4.2.7.2. */
function relationOf(link: XmlElement): string {
  return (link.attribute('rel') ?? 'alternate').replace(RELATIONS, '').toLowerCase()
}

/** Content that a reader has to fetch, or to decode. */
function needsSummary(root: XmlElement, mediaType: string | undefined): boolean {
  if (mediaType !== undefined) return true
  const [content] = atomChildren(root, 'content')
  if (content === undefined) return false
  const type = content.attribute('type')?.toLowerCase() ?? 'text'
  const isReadable = isTextType(type) || type.startsWith('text/') || /(?:\+|\/)xml(?:;|$)/.test(type)
  return content.attribute('src') !== undefined || !isReadable
}

function setWord(root: XmlElement, name: string, text: string): void {
  const [first] = atomChildren(root, name)
  const element = new XmlElement(ATOM, first?.name ?? name, [{ kind: 'text', text }])
  element.attributes = first?.attributes ?? []
  if (first === undefined) root.append(element)
  else root.children[root.children.indexOf(first)] = element
}

function addAuthor(root: XmlElement, name: string): void {
  appendNew(appendNew(root, 'author'), 'name').text = name
}

/** An entry that came from elsewhere names its author in its source. */
function hasSourceAuthor(root: XmlElement): boolean {
  return atomChildren(root, 'source').some((source) => atomChildren(source, 'author').length > 0)
}

/** RFC 4287, section 4.1.1: a link to an alternate makes up for a missing content. */
function hasContent(root: XmlElement): boolean {
  return (
    atomChildren(root, 'content').length > 0 ||
    atomChildren(root, 'link').some((link) => relationOf(link) === 'alternate')
  )
}

function appendNew(parent: XmlElement, name: string): XmlElement {
  return parent.append(new XmlElement(ATOM, name))
}

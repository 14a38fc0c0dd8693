import { DOMImplementation, type Element, XMLSerializer } from '@xmldom/xmldom'
import type { EntryRecord } from './entry-record.js'
import { atomChildren } from './constructs.js'
import { type EntrySource } from './entry-source.js'
import { APP, ATOM, XMLNS } from './names.js'
import { childElements } from './parse-xml.js'

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
  for (const child of childElements(root)) {
    if (isServers(child, mediaType !== undefined)) root.removeChild(child)
  }
  setWord(root, 'id', id)
  setWord(root, 'updated', updated)
  setWord(root, 'published', published)
  if (atomChildren(root, 'author').length === 0 && !hasSourceAuthor(root)) addAuthor(root, terms.author)
  return {
    id,
    title: source.title,
    updated,
    published,
    draft: source.draft,
    categories: source.categories,
    mediaType,
    needsAlternate: mediaType === undefined && !hasContent(root),
    xml: new XMLSerializer().serializeToString(root),
  }
}

/** With `entry` in the default namespace, however the client wrote it, so that all that is stored ends alike. */
function rebuilt(given: Element): Element {
  const document = new DOMImplementation().createDocument(ATOM, 'entry')
  const root = document.documentElement
  if (root === null) throw new Error('A document without a root')
  for (const attribute of given.attributes) {
    if (attribute.name === 'xmlns') continue
    root.setAttributeNS(
      attribute.name.startsWith('xmlns:') ? XMLNS : attribute.namespaceURI,
      attribute.name,
      attribute.value,
    )
  }
  for (const node of Array.from(given.childNodes)) root.appendChild(document.importNode(node, true))
  return root
}

/** What depends on the address and the time, and is added where the entry is shown. */
function isServers(child: Element, isMedia: boolean): boolean {
  const { localName, namespaceURI } = child
  if (namespaceURI === APP) return localName === 'edited'
  if (namespaceURI !== ATOM) return false
  if (localName === 'link') return ['self', 'edit', 'edit-media'].includes(child.getAttribute('rel') ?? '')
  return isMedia && localName === 'content'
}

function setWord(root: Element, name: string, text: string): void {
  const [first] = atomChildren(root, name)
  const element = first ?? appendNew(root, name)
  element.textContent = text
}

function addAuthor(root: Element, name: string): void {
  appendNew(appendNew(root, 'author'), 'name').textContent = name
}

/** An entry that came from elsewhere names its author in its source. */
function hasSourceAuthor(root: Element): boolean {
  return atomChildren(root, 'source').some((source) => atomChildren(source, 'author').length > 0)
}

/** RFC 4287, section 4.1.1: a link to an alternate makes up for a missing content. */
function hasContent(root: Element): boolean {
  const links = atomChildren(root, 'link').map((link) => link.getAttribute('rel') ?? 'alternate')
  return atomChildren(root, 'content').length > 0 || links.includes('alternate')
}

function appendNew(parent: Element, name: string): Element {
  const document = parent.ownerDocument
  if (document === null) throw new Error('An element without a document')
  const element = document.createElementNS(ATOM, name)
  parent.appendChild(element)
  return element
}

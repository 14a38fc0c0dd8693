import { ATOM, XML } from './names.js'
import { rule } from './rules.js'
import { isTextType, textOf } from './text.js'
import type { XmlElement } from './tree.js'
import { checkAbsoluteIri, checkIri, isDate, isMediaType } from './values.js'

const TEXTS = ['title', 'summary', 'rights', 'subtitle']
const PERSONS = ['author', 'contributor']
const DATES = ['updated', 'published']
// RFC 4287, sections 4.1.2 and 4.2.11.
const ONCE_IN_ENTRY = [...DATES, 'content', 'id', 'rights', 'source', 'summary', 'title']
const ONCE_IN_SOURCE = ['generator', 'icon', 'id', 'logo', 'rights', 'subtitle', 'title', 'updated']
const COMPOSITE = /^(?:multipart|message)\//i

export function atomChildren(parent: XmlElement, name: string): XmlElement[] {
  return parent.elements().filter((child) => child.is(ATOM, name))
}

/** All that RFC 4287 says about the children of an entry. Throws a `Problem` 400 that names the rule. */
export function checkConstructs(entry: XmlElement): void {
  checkOnce(entry, ONCE_IN_ENTRY, '4.1.2')
  checkMetadata(entry, '4.1.2')
  for (const content of atomChildren(entry, 'content')) checkContent(content)
  for (const source of atomChildren(entry, 'source')) {
    checkOnce(source, ONCE_IN_SOURCE, '4.2.11')
    checkMetadata(source, '4.2.11')
  }
}

/** What an entry and a source have in common. */
function checkMetadata(parent: XmlElement, section: string): void {
  for (const name of TEXTS) atomChildren(parent, name).forEach(textOf)
  for (const name of PERSONS) atomChildren(parent, name).forEach(checkPerson)
  for (const name of DATES) atomChildren(parent, name).forEach(checkDate)
  for (const name of ['icon', 'logo'])
    for (const { text } of atomChildren(parent, name)) checkIri(text.trim(), name, section)
  for (const { text } of atomChildren(parent, 'id')) checkAbsoluteIri(text.trim(), 'id', '4.2.6')
  atomChildren(parent, 'category').forEach(checkCategory)
  checkLinks(atomChildren(parent, 'link'), section)
  checkBase(parent)
}

function checkOnce(parent: XmlElement, names: readonly string[], section: string): void {
  for (const name of names)
    rule(atomChildren(parent, name).length <= 1, `${parent.local} must have at most one ${name}`, section)
}

function checkBase(element: XmlElement): void {
  checkIri(element.attribute('base', XML), 'xml:base', '2')
}

function checkPerson(person: XmlElement): void {
  const { local } = person
  const names = atomChildren(person, 'name')
  rule(names.length === 1 && names[0]?.text.trim() !== '', `${local} must have one name`, '3.2.1')
  const uris = atomChildren(person, 'uri')
  rule(uris.length <= 1, `${local} must have at most one uri`, '3.2.2')
  for (const { text } of uris) checkIri(text.trim(), `uri of ${local}`, '3.2.2')
  const emails = atomChildren(person, 'email')
  rule(emails.length <= 1, `${local} must have at most one email`, '3.2.3')
  for (const { text } of emails)
    rule(/^[^\s@]+@[^\s@]+$/.test(text.trim()), `email of ${local} must be name@domain`, '3.2.3')
}

function checkDate(element: XmlElement): void {
  const text = element.text.trim()
  rule(isDate(text), `${element.local} is not a date of RFC 3339: ${text.slice(0, 40)}`, '3.3')
}

function checkCategory(category: XmlElement): void {
  rule(Boolean(category.attribute('term')), 'category must have a term', '4.2.2.1')
  checkIri(category.attribute('scheme'), 'scheme of category', '4.2.2.2')
  const scheme = category.attribute('scheme')
  if (scheme !== undefined) checkAbsoluteIri(scheme, 'scheme of category', '4.2.2.2')
}

function checkLinks(links: readonly XmlElement[], section: string): void {
  const alternates = new Set<string>()
  for (const link of links) {
    const [href, rel = 'alternate', type] = ['href', 'rel', 'type'].map((name) => link.attribute(name))
    rule(href !== undefined, 'link must have a href', '4.2.7.1')
    checkIri(href, 'href of link', '4.2.7.1')
    rule(rel !== '' && !/\s/.test(rel), 'rel of link must be a name or an IRI', '4.2.7.2')
    rule(type === undefined || isMediaType(type), `type of link is not a media type: ${type}`, '4.2.7.3')
    checkBase(link)
    if (rel !== 'alternate') continue
    const key = JSON.stringify([type?.toLowerCase(), link.attribute('hreflang')?.toLowerCase()])
    rule(!alternates.has(key), 'Two alternate links must differ in type or hreflang', section)
    alternates.add(key)
  }
}

function checkContent(content: XmlElement): void {
  checkBase(content)
  const [type, src] = [content.attribute('type'), content.attribute('src')]
  const isMedia = type !== undefined && !isTextType(type)
  if (isMedia) {
    rule(isMediaType(type), `type of content is not a media type: ${type.slice(0, 80)}`, '4.1.3.1')
    rule(!COMPOSITE.test(type), `type of content must not be a composite type: ${type}`, '4.1.3.1')
  }
  if (src !== undefined) {
    checkIri(src, 'src of content', '4.1.3.2')
    rule(content.children.length === 0, 'content with src must be empty', '4.1.3.2')
    rule(type === undefined || isMedia, 'type of content with src must be a media type', '4.1.3.2')
  } else if (!isMedia) textOf(content)
  else checkInline(content, type)
}

/** RFC 4287, section 4.1.3.3. */
function checkInline(content: XmlElement, type: string): void {
  const [essence = ''] = type.toLowerCase().split(/\s*;/)
  const elements = content.elements().length
  if (/(?:\+|\/)xml$/.test(essence)) return
  rule(elements === 0, `content of ${essence} must have no child elements`, '4.1.3.3')
  if (essence.startsWith('text/')) return
  const isBase64 = /^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(content.text)
  rule(isBase64, `content of ${essence} must be in Base64`, '4.1.3.3')
}

import type { Element } from '@xmldom/xmldom'
import { Problem } from '../problem.js'
import { ATOM } from './names.js'
import { childElements } from './parse-xml.js'
import { isTextType, textOf } from './text.js'

export function atomChildren(parent: Element, name: string): Element[] {
  return childElements(parent).filter((child) => child.localName === name && child.namespaceURI === ATOM)
}

/** Texts, persons, links and the content. Throws a `Problem` 400 for what RFC 4287 does not allow. */
export function checkConstructs(entry: Element): void {
  for (const name of ['summary', 'rights']) for (const element of atomChildren(entry, name)) textOf(element)
  for (const element of atomChildren(entry, 'content')) checkContent(element)
  for (const name of ['author', 'contributor']) {
    for (const person of atomChildren(entry, name))
      if (atomChildren(person, 'name').length !== 1) throw new Problem(400, `An ${name} has one name`)
  }
  for (const link of atomChildren(entry, 'link'))
    if (!link.hasAttribute('href')) throw new Problem(400, 'A link has no href')
}

/** Content of another type than a text may be anything. */
function checkContent(element: Element): void {
  if (element.hasAttribute('src')) {
    if (element.childNodes.length > 0) throw new Problem(400, 'A content with src is empty')
  } else if (isTextType(element.getAttribute('type') ?? 'text')) textOf(element)
}

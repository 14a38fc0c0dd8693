import { DOMParser, type Element } from '@xmldom/xmldom'

const ATOM = 'http://www.w3.org/2005/Atom'
const APP = 'http://www.w3.org/2007/app'

export function entryXml(title: string, inside = ''): string {
  return `<entry xmlns="${ATOM}"><title>${title}</title><content>about ${title}</content>${inside}</entry>`
}

export function rootOf(xml: string): Element {
  const root = new DOMParser().parseFromString(xml, 'application/xml').documentElement
  if (root === null) throw new Error('There is no XML')
  return root
}

export function childrenOf(element: Element, name: string, namespace = ATOM): Element[] {
  return Array.from(element.childNodes).filter(
    (node): node is Element =>
      node.nodeType === 1 && node.localName === name && node.namespaceURI === namespace,
  )
}

/** The text of the first child of that name. */
export function wordOf(element: Element, name: string, namespace = ATOM): string | undefined {
  return childrenOf(element, name, namespace)[0]?.textContent ?? undefined
}

export function editedOf(entry: Element): string | undefined {
  return wordOf(entry, 'edited', APP)
}

/** Where a link of this relation leads. */
export function linkOf(element: Element, rel: string): string | undefined {
  const found = childrenOf(element, 'link').find((link) => link.getAttribute('rel') === rel)
  return found?.getAttribute('href') ?? undefined
}

export function entriesOf(feed: string): Element[] {
  return childrenOf(rootOf(feed), 'entry')
}

export function titlesOf(feed: string): (string | undefined)[] {
  return entriesOf(feed).map((entry) => wordOf(entry, 'title'))
}

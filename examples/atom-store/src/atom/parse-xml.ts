import { type Document, DOMParser, type Element, type Node, onWarningStopParsing } from '@xmldom/xmldom'
import { Problem } from '../problem.js'

/** Serializers recurse, and nobody nests a text so deep. */
const MAX_DEPTH = 200
// What XML 1.0 has no place for, however it is written.
const NOT_XML = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/u

/**
 * The root of a document in UTF-8 or, with a byte order mark, UTF-16. A document type is refused, so that there are no
 * entities to expand and nothing to fetch. Throws a `Problem` 400 for what is no XML with namespaces.
 */
export function parseXml(bytes: Uint8Array): Element {
  const text = decode(bytes)
  let document: Document
  try {
    document = new DOMParser({ onError: onWarningStopParsing }).parseFromString(text, 'application/xml')
  } catch (cause) {
    throw new Problem(400, `This is no well-formed XML: ${firstLine(cause)}`, { cause })
  }
  if (document.doctype !== null) throw new Problem(400, 'A document type (DOCTYPE) is not accepted')
  const root = document.documentElement
  if (root === null) throw new Problem(400, 'There is no XML')
  checkTree(root)
  return root
}

function decode(bytes: Uint8Array): string {
  const encoding = encodingOf(bytes)
  let text: string
  try {
    text = new TextDecoder(encoding, { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new Problem(400, `The bytes are no ${encoding}`, { cause })
  }
  const declared = /^<\?xml[^>]*\sencoding\s*=\s*["']([^"']+)["']/.exec(text)?.[1]?.toLowerCase() ?? encoding
  if (!['utf-8', 'us-ascii', 'utf-16'].includes(declared) && declared !== encoding)
    throw new Problem(400, `The encoding ${declared} is not known here: use UTF-8`)
  return text
}

function encodingOf([first, second]: Uint8Array): 'utf-8' | 'utf-16le' | 'utf-16be' {
  if (first === 0xff && second === 0xfe) return 'utf-16le'
  if (first === 0xfe && second === 0xff) return 'utf-16be'
  return 'utf-8'
}

/** Without recursion: it is there to find out how deep the tree is. */
function checkTree(root: Element): void {
  let node: Node | null = root
  let depth = 1
  while (node !== null) {
    checkNode(node)
    if (node.firstChild !== null) {
      if (++depth > MAX_DEPTH) throw new Problem(400, `Elements are nested deeper than ${MAX_DEPTH}`)
      node = node.firstChild
      continue
    }
    while (node !== null && node !== root && node.nextSibling === null) {
      node = node.parentNode
      depth--
    }
    node = node === root ? null : (node?.nextSibling ?? null)
  }
}

function checkNode(node: Node): void {
  if (node.nodeValue !== null && NOT_XML.test(node.nodeValue)) throw notXml()
  if (!isElement(node)) return
  for (const { value } of node.attributes) if (NOT_XML.test(value)) throw notXml()
}

export function isElement(node: Node): node is Element {
  return node.nodeType === 1
}

export function childElements(parent: Element): Element[] {
  return Array.from(parent.childNodes).filter(isElement)
}

function notXml(): Problem {
  return new Problem(400, 'There is a character that XML does not allow')
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? ''
}

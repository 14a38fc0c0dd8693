import { type Document, DOMParser, type Element, type Node } from '@xmldom/xmldom'
import { Problem } from '../problem.js'

/** Serializers recurse, and nobody nests a text so deep. */
const MAX_DEPTH = 200
const ENCODINGS = new Map([
  ['utf-8', 'utf-8'],
  ['us-ascii', 'utf-8'],
  ['utf-16', 'utf-16be'],
  ['utf-16le', 'utf-16le'],
  ['utf-16be', 'utf-16be'],
])
// What XML 1.0 has no place for, however it is written.
const NOT_XML = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/u

/**
 * The root of a document in UTF-8 or UTF-16, as its byte order mark says or else `charset`. A document type is refused,
 * so that there are no entities to expand and nothing to fetch. Throws a `Problem` 400 for what is no XML with namespaces,
 * and 415 for another encoding.
 */
export function parseXml(bytes: Uint8Array, charset?: string): Element {
  const text = decode(bytes, charset)
  let document: Document
  let complaint = ''
  // Also warnings are about what is no XML.
  const onError = (_level: string, message: string): never => {
    complaint ||= message
    throw new Error(message)
  }
  try {
    document = new DOMParser({ onError }).parseFromString(text, 'application/xml')
  } catch (cause) {
    throw new Problem(400, `This is no well-formed XML: ${firstLine(complaint)}`, { cause })
  }
  if (document.doctype !== null) throw new Problem(400, 'A document type (DOCTYPE) is not accepted')
  const root = document.documentElement
  if (root === null) throw new Problem(400, 'There is no XML')
  checkTree(root)
  return root
}

function decode(bytes: Uint8Array, charset: string | undefined): string {
  const encoding = markOf(bytes) ?? encodingOf(charset ?? declaredIn(bytes))
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new Problem(400, `The bytes are no ${encoding}`, { cause })
  }
}

function markOf([first, second]: Uint8Array): string | undefined {
  if (first === 0xff && second === 0xfe) return 'utf-16le'
  return first === 0xfe && second === 0xff ? 'utf-16be' : undefined
}

/** The encoding that an XML declaration names. */
function declaredIn(bytes: Uint8Array): string {
  const start = new TextDecoder('latin1').decode(bytes.subarray(0, 200))
  return /^<\?xml[^>]*\sencoding\s*=\s*["']([^"']+)["']/.exec(start)?.[1] ?? 'utf-8'
}

function encodingOf(name: string): string {
  const encoding = ENCODINGS.get(name.toLowerCase())
  if (encoding === undefined) throw new Problem(415, `The encoding ${name} is not known here: use UTF-8`)
  return encoding
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

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? ''
}

import { type SaxesAttributeNS, SaxesParser, type SaxesTagNS } from 'saxes'
import { setImmediate } from 'node:timers/promises'
import { Problem } from '../problem.js'
import { decodeXml } from './decode.js'
import { XmlElement, type XmlNode } from './tree.js'

/** Deeper than any text is nested: functions that walk a tree recurse. */
const MAX_DEPTH = 200
/** Elements, comments, processing instructions and pieces of text of a document. */
export const MAX_NODES = 50_000
/** Of one element. */
export const MAX_ATTRIBUTES = 200
/** How much is parsed before others get their turn: a few milliseconds. */
const PIECE = 32 * 1024

/**
 * The root of a document in UTF-8 or UTF-16. Document types are refused, so that no entity is expanded and nothing is
 * fetched. Throws a `Problem` 400 for what is not well-formed XML with namespaces, or is beyond the bounds above.
 */
export function parseXml(bytes: Uint8Array, charset?: string): XmlElement {
  const builder = new TreeBuilder(true)
  builder.write(decodeXml(bytes, charset))
  return builder.end()
}

/** XML that this server wrote, which has no bounds beyond those of what it was made of. */
export function parseText(text: string): XmlElement {
  const builder = new TreeBuilder(false)
  builder.write(text)
  return builder.end()
}

/** Like `parseXml`, and lets others have their turn in between. */
export function parseXmlInPieces(bytes: Uint8Array, charset?: string): Promise<XmlElement> {
  return inPieces(decodeXml(bytes, charset), true)
}

/** Like `parseText`, and lets others have their turn in between. */
export function parseTextInPieces(text: string): Promise<XmlElement> {
  return inPieces(text, false)
}

async function inPieces(text: string, isBounded: boolean): Promise<XmlElement> {
  const builder = new TreeBuilder(isBounded)
  for (let at = 0; at < text.length; at += PIECE) {
    if (at > 0) await setImmediate()
    builder.write(text.slice(at, at + PIECE))
  }
  return builder.end()
}

class TreeBuilder {
  readonly #parser = new SaxesParser({
    xmlns: true,
    defaultXMLVersion: '1.0',
    forceXMLVersion: true,
  })
  readonly #isBounded: boolean
  readonly #open: XmlElement[] = []
  #root: XmlElement | undefined
  #nodes = 0
  #attributes = 0

  constructor(isBounded: boolean) {
    this.#isBounded = isBounded
    const parser = this.#parser
    parser.on('error', ({ message }) => {
      throw new Problem(400, `The XML is not well-formed: ${message.replace(/\.$/, '')}`)
    })
    parser.on('doctype', () => {
      throw new Problem(400, 'A document type (DOCTYPE) is not accepted')
    })
    parser.on('opentagstart', () => void (this.#attributes = 0))
    parser.on('attribute', () => {
      if (++this.#attributes > MAX_ATTRIBUTES && isBounded)
        throw new Problem(400, `An element has more than ${MAX_ATTRIBUTES} attributes`)
    })
    parser.on('opentag', (tag) => this.#enter(tag))
    parser.on('closetag', () => void this.#open.pop())
    parser.on('text', (text) => this.#add({ kind: 'text', text }))
    parser.on('cdata', (text) => this.#add({ kind: 'text', text }))
    parser.on('comment', (text) => this.#add({ kind: 'other', source: `<!--${text}-->` }))
    parser.on('processinginstruction', ({ target, body }) =>
      this.#add({ kind: 'other', source: `<?${target} ${body}?>` }),
    )
  }

  write(text: string): void {
    this.#parser.write(text)
  }

  end(): XmlElement {
    this.#parser.close()
    if (this.#root === undefined) throw new Problem(400, 'The document is empty')
    return this.#root
  }

  #enter({ name, uri, attributes }: SaxesTagNS): void {
    const element = new XmlElement(uri, name)
    element.attributes = Object.values<SaxesAttributeNS>(attributes).map(({ name, local, uri, value }) => ({
      name,
      local,
      namespace: uri,
      value,
    }))
    this.#add(element)
    this.#root ??= element
    if (this.#open.push(element) > MAX_DEPTH)
      throw new Problem(400, `Elements are nested deeper than ${MAX_DEPTH}`)
  }

  #add(node: XmlNode): void {
    if (++this.#nodes > MAX_NODES && this.#isBounded)
      throw new Problem(400, `The document has more than ${MAX_NODES} nodes`)
    const parent = this.#open.at(-1)
    if (parent === undefined) return
    const last = parent.children.at(-1)
    // Text around CDATA is one text.
    if (node.kind === 'text' && last?.kind === 'text')
      parent.children[parent.children.length - 1] = { kind: 'text', text: last.text + node.text }
    else parent.children.push(node)
  }
}

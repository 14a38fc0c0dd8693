import { Parser } from 'htmlparser2'
import { Problem } from '../problem.js'
import { XHTML } from './names.js'
import { serializeInside } from './serialize.js'
import type { XmlElement } from './tree.js'

const TYPES = ['text', 'html', 'xhtml']
const UNSHOWN: readonly string[] = ['script', 'style', 'template']

/** An Atom text construct: what is said, and how. */
export interface Text {
  readonly type: 'text' | 'html' | 'xhtml'
  /** Plain text, HTML, or the inside of the `div` of XHTML. */
  readonly value: string
}

/** Throws a `Problem` 400 for a type that RFC 4287 does not have. */
export function textOf(element: XmlElement): Text {
  const type = element.attribute('type') ?? 'text'
  if (!isTextType(type))
    throw new Problem(
      400,
      `The type of ${element.local} must be ${TYPES.join(', ')} (RFC 4287, section 3.1.1)`,
    )
  if (type === 'xhtml') return { type, value: serializeInside(divOf(element)) }
  if (element.elements().length > 0)
    throw new Problem(
      400,
      `${element.local} of type ${type} must have no child elements: escape HTML, or use type="xhtml" (RFC 4287, section 3.1.1)`,
    )
  return { type, value: element.text }
}

/** Without tags, and with its character references decoded. */
export function plainTextOf(element: XmlElement): string {
  const { type, value } = textOf(element)
  const plain = type === 'html' ? textOfHtml(value) : type === 'xhtml' ? element.text : value
  return plain.replace(/\s+/g, ' ').trim()
}

export function isTextType(type: string): type is Text['type'] {
  return TYPES.includes(type)
}

/** A parser, because a regular expression for tags takes quadratic time on unclosed ones. */
export function textOfHtml(html: string): string {
  const parts: string[] = []
  let unshown = 0
  const parser = new Parser({
    ontext: (text) => void (unshown === 0 && parts.push(text)),
    onopentagname: (name) => void (UNSHOWN.includes(name) && unshown++),
    onclosetag: (name) => void (UNSHOWN.includes(name) && unshown--),
  })
  parser.end(html)
  return parts.join('')
}

function divOf(element: XmlElement): XmlElement {
  const [div, more] = element.elements()
  const isOnlyText = element.children.every((child) => child.kind !== 'text' || child.text.trim() === '')
  if (div === undefined || !div.is(XHTML, 'div') || more !== undefined || !isOnlyText)
    throw new Problem(
      400,
      `${element.local} of type xhtml must hold one XHTML div and nothing else (RFC 4287, section 3.1.1.3)`,
    )
  return div
}

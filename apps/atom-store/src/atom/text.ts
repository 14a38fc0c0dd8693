import { type Element, XMLSerializer } from '@xmldom/xmldom'
import { Problem } from '../problem.js'
import { childElements } from './parse-xml.js'
import { XHTML } from './names.js'

const TYPES = ['text', 'html', 'xhtml']

/** An Atom text construct: what is said, and how. */
export interface Text {
  readonly type: 'text' | 'html' | 'xhtml'
  /** Plain text, HTML, or the inside of the `div` of XHTML. */
  readonly value: string
}

/** Throws a `Problem` 400 for a type that is none. */
export function textOf(element: Element): Text {
  const type = element.getAttribute('type') ?? 'text'
  if (!isTextType(type))
    throw new Problem(400, `The type of ${element.localName} must be ${TYPES.join(', ')}`)
  if (type === 'xhtml') return { type, value: insideOf(element) }
  if (childElements(element).length > 0)
    throw new Problem(400, `There are elements in ${element.localName}: escape HTML, or say that it is XHTML`)
  return { type, value: element.textContent ?? '' }
}

/** Without tags. */
export function plainTextOf(element: Element): string {
  const { type, value } = textOf(element)
  const plain = type === 'html' ? value.replace(/<[^>]*>/g, '') : (element.textContent ?? value)
  return plain.replace(/\s+/g, ' ').trim()
}

export function isTextType(type: string): type is Text['type'] {
  return TYPES.includes(type)
}

function insideOf(element: Element): string {
  const [div, more] = childElements(element)
  if (div?.localName !== 'div' || div.namespaceURI !== XHTML || more !== undefined)
    throw new Problem(400, `XHTML of ${element.localName ?? 'an element'} must be one div`)
  const serializer = new XMLSerializer()
  return Array.from(div.childNodes, (node) => serializer.serializeToString(node)).join('')
}

import { XML } from './names.js'
import { declaredPrefix, prefixOf, type XmlElement, type XmlNode } from './tree.js'

/** Prefixes that elements around have bound: a list, because a copy for each element takes quadratic time. */
interface Scope {
  readonly own: ReadonlyMap<string, string>
  readonly outer?: Scope
}

const NOTHING: Scope = {
  own: new Map([
    ['', ''],
    ['xml', XML],
  ]),
}
// A parser would make other characters of these: it reads CR as LF, and white space in an attribute as a space.
const TEXT: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '\r': '&#13;' }
const VALUE: Readonly<Record<string, string>> = { ...TEXT, '"': '&quot;', '\t': '&#9;', '\n': '&#10;' }

/** An element as XML, with the declarations that its names need. */
export function serialize(element: XmlElement): string {
  const parts: string[] = []
  write(element, NOTHING, parts)
  return parts.join('')
}

/** What is in an element, as XML that stands for itself. */
export function serializeInside({ children }: XmlElement): string {
  const parts: string[] = []
  for (const child of children) write(child, NOTHING, parts)
  return parts.join('')
}

function write(node: XmlNode, outer: Scope, parts: string[]): void {
  if (node.kind === 'other') parts.push(node.source)
  else if (node.kind === 'text') parts.push(escaped(node.text, /[&<>\r]/g, TEXT))
  else writeElement(node, outer, parts)
}

function writeElement(element: XmlElement, outer: Scope, parts: string[]): void {
  const { name, children } = element
  const inner = scopeOf(element, outer, parts)
  if (children.length === 0) parts.push('/>')
  else {
    parts.push('>')
    for (const child of children) write(child, inner, parts)
    parts.push(`</${name}>`)
  }
}

/** Writes the start of a tag. Returns the prefixes that are bound inside. */
function scopeOf({ name, namespace, attributes }: XmlElement, outer: Scope, parts: string[]): Scope {
  const own = new Map<string, string>()
  for (const attribute of attributes) {
    const prefix = declaredPrefix(attribute)
    if (prefix !== undefined) own.set(prefix, attribute.value)
  }
  own.delete(prefixOf(name))
  const bound = (prefix: string): string | undefined => own.get(prefix) ?? boundIn(outer, prefix)
  if (boundIn(outer, prefixOf(name)) !== namespace) own.set(prefixOf(name), namespace)
  for (const each of attributes) {
    const prefix = prefixOf(each.name)
    if (prefix !== '' && declaredPrefix(each) === undefined && bound(prefix) !== each.namespace)
      own.set(prefix, each.namespace)
  }
  parts.push(`<${name}`)
  for (const [prefix, uri] of own) {
    parts.push(` xmlns${prefix === '' ? '' : ':'}${prefix}="${valueOf(uri)}"`)
  }
  for (const each of attributes) {
    if (declaredPrefix(each) === undefined) parts.push(` ${each.name}="${valueOf(each.value)}"`)
  }
  return own.size === 0 ? outer : { own, outer }
}

function boundIn(scope: Scope, prefix: string): string | undefined {
  for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) {
    const uri = at.own.get(prefix)
    if (uri !== undefined) return uri
  }
  return undefined
}

function valueOf(text: string): string {
  return escaped(text, /[&<>\r"\t\n]/g, VALUE)
}

function escaped(text: string, pattern: RegExp, escapes: Readonly<Record<string, string>>): string {
  return text.replace(pattern, (character) => escapes[character] ?? character)
}

import { XMLNS } from './names.js'

export interface XmlAttribute {
  /** With its prefix, as it was written. */
  readonly name: string
  readonly local: string
  /** Empty for none. */
  readonly namespace: string
  value: string
}

export interface XmlText {
  readonly kind: 'text'
  readonly text: string
}

/** A comment or a processing instruction, as it is written. */
export interface XmlOther {
  readonly kind: 'other'
  readonly source: string
}

export type XmlNode = XmlElement | XmlText | XmlOther

/** An element of a document. A plain list of children keeps every operation linear in their number. */
export class XmlElement {
  readonly kind = 'element'
  /** With its prefix, as it was written. */
  readonly name: string
  readonly namespace: string
  attributes: XmlAttribute[]
  children: XmlNode[]

  constructor(namespace: string, name: string, children: XmlNode[] = []) {
    this.name = name
    this.namespace = namespace
    this.attributes = []
    this.children = children
  }

  get local(): string {
    return localOf(this.name)
  }

  is(namespace: string, local: string): boolean {
    return this.namespace === namespace && this.local === local
  }

  elements(): XmlElement[] {
    return this.children.filter((child) => child.kind === 'element')
  }

  /** An attribute without a namespace, or of `namespace`. */
  attribute(local: string, namespace = ''): string | undefined {
    return this.attributes.find((each) => each.local === local && each.namespace === namespace)?.value
  }

  /** Of an attribute without a namespace. */
  setAttribute(name: string, value: string): void {
    const found = this.attributes.find((each) => each.name === name)
    if (found === undefined) this.attributes.push({ name, local: name, namespace: '', value })
    else found.value = value
  }

  remove(removed: (child: XmlElement) => boolean): void {
    this.children = this.children.filter((child) => child.kind !== 'element' || !removed(child))
  }

  append<T extends XmlNode>(child: T): T {
    this.children.push(child)
    return child
  }

  /** All text below it. */
  get text(): string {
    const parts: string[] = []
    const collect = (children: readonly XmlNode[]): void => {
      for (const child of children) {
        if (child.kind === 'text') parts.push(child.text)
        else if (child.kind === 'element') collect(child.children)
      }
    }
    collect(this.children)
    return parts.join('')
  }

  set text(text: string) {
    this.children = text === '' ? [] : [{ kind: 'text', text }]
  }
}

export function localOf(name: string): string {
  return name.slice(name.indexOf(':') + 1)
}

/** Empty for a name without a prefix. */
export function prefixOf(name: string): string {
  return name.includes(':') ? name.slice(0, name.indexOf(':')) : ''
}

/** The prefix that an attribute declares, empty for the default namespace; undefined for any other attribute. */
export function declaredPrefix({ name, namespace }: XmlAttribute): string | undefined {
  if (namespace !== XMLNS) return undefined
  return name === 'xmlns' ? '' : localOf(name)
}

import { Problem } from '../problem.js'
import { atomChildren, checkConstructs } from './constructs.js'
import type { Category } from './entry-record.js'
import { APP, ATOM } from './names.js'
import { parseXml, parseXmlInPieces } from './parse-xml.js'
import { rule } from './rules.js'
import { plainTextOf } from './text.js'
import type { XmlElement } from './tree.js'

/** An entry as a client sent it, checked. */
export interface EntrySource {
  readonly root: XmlElement
  readonly id: string | undefined
  readonly title: string
  readonly updated: string | undefined
  readonly published: string | undefined
  readonly draft: boolean
  readonly categories: readonly Category[]
}

/** Reads an entry document. Throws a `Problem` 400 that names what RFC 4287 forbids, and 415 for an unsupported encoding. */
export function parseEntry(bytes: Uint8Array, charset?: string): EntrySource {
  return entryIn(parseXml(bytes, charset))
}

/** Like `parseEntry`, and does not hold up others for long. */
export async function parseEntryInPieces(bytes: Uint8Array, charset?: string): Promise<EntrySource> {
  return entryIn(await parseXmlInPieces(bytes, charset))
}

/** Checks an entry. Throws a `Problem` 400. */
export function entryIn(root: XmlElement): EntrySource {
  if (!root.is(ATOM, 'entry')) throw new Problem(400, 'The document is not an Atom entry')
  checkConstructs(root)
  const [title] = atomChildren(root, 'title')
  rule(title !== undefined, 'entry must have a title', '4.1.2')
  return {
    root,
    id: wordOf(root, 'id'),
    title: plainTextOf(title),
    updated: wordOf(root, 'updated'),
    published: wordOf(root, 'published'),
    draft: isDraft(root),
    categories: atomChildren(root, 'category').map(categoryOf),
  }
}

function wordOf(root: XmlElement, name: string): string | undefined {
  return atomChildren(root, name)[0]?.text.trim()
}

function categoryOf(element: XmlElement): Category {
  const [term = '', scheme, label] = ['term', 'scheme', 'label'].map((name) => element.attribute(name))
  return { term, scheme, label }
}

/** RFC 5023, section 13.1.1. */
function isDraft(root: XmlElement): boolean {
  const controls = appChildren(root, 'control')
  const drafts = controls.flatMap((control) => appChildren(control, 'draft'))
  if (controls.length > 1 || drafts.length > 1)
    throw new Problem(400, 'An entry has one app:control and app:draft')
  const text = drafts[0]?.text.trim() ?? 'no'
  if (text !== 'yes' && text !== 'no') throw new Problem(400, 'app:draft must be yes or no')
  return text === 'yes'
}

function appChildren(parent: XmlElement, name: string): XmlElement[] {
  return parent.elements().filter((child) => child.is(APP, name))
}

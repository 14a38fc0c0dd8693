import type { Element } from '@xmldom/xmldom'
import { Problem } from '../problem.js'
import { APP, ATOM } from './names.js'
import type { Category } from './entry-record.js'
import { atomChildren, checkConstructs } from './constructs.js'
import { childElements, parseXml } from './parse-xml.js'
import { plainTextOf } from './text.js'

// RFC 4287, section 4.1.2.
const AT_MOST_ONCE = ['content', 'id', 'published', 'rights', 'source', 'summary', 'title', 'updated']
const DATE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/

/** An entry as a client sent it, checked. */
export interface EntrySource {
  readonly root: Element
  readonly id: string | undefined
  readonly title: string
  readonly updated: string | undefined
  readonly published: string | undefined
  readonly draft: boolean
  readonly categories: readonly Category[]
}

/** Reads an entry document. Throws a `Problem` 400 for what is none by RFC 4287, and 415 for an encoding not known here. */
export function parseEntry(bytes: Uint8Array, charset?: string): EntrySource {
  const root = parseXml(bytes, charset)
  if (root.localName !== 'entry' || root.namespaceURI !== ATOM)
    throw new Problem(400, 'The document is no Atom entry')
  for (const name of AT_MOST_ONCE) {
    if (atomChildren(root, name).length > 1) throw new Problem(400, `An entry has one ${name}`)
  }
  const [title] = atomChildren(root, 'title')
  if (title === undefined) throw new Problem(400, 'The entry has no title')
  checkConstructs(root)
  const id = wordOf(root, 'id')
  if (id === '') throw new Problem(400, 'The id is empty')
  return {
    root,
    id,
    title: plainTextOf(title),
    updated: dateOf(root, 'updated'),
    published: dateOf(root, 'published'),
    draft: isDraft(root),
    categories: atomChildren(root, 'category').map(categoryOf),
  }
}

function wordOf(root: Element, name: string): string | undefined {
  return atomChildren(root, name)[0]?.textContent?.trim()
}

function dateOf(root: Element, name: string): string | undefined {
  const text = wordOf(root, name)
  if (text !== undefined && !(DATE.test(text) && Number.isFinite(Date.parse(text))))
    throw new Problem(400, `${name} is no date of RFC 3339: ${text.slice(0, 40)}`)
  return text
}

function categoryOf(element: Element): Category {
  const [term, scheme, label] = ['term', 'scheme', 'label'].map((name) => element.getAttribute(name))
  if (!term) throw new Problem(400, 'A category has no term')
  return { term, scheme: scheme ?? undefined, label: label ?? undefined }
}

/** RFC 5023, section 13.1.1. */
function isDraft(root: Element): boolean {
  const controls = appChildren(root, 'control')
  const drafts = controls.flatMap((control) => appChildren(control, 'draft'))
  if (controls.length > 1 || drafts.length > 1)
    throw new Problem(400, 'An entry has one app:control and app:draft')
  const text = drafts[0]?.textContent?.trim() ?? 'no'
  if (text !== 'yes' && text !== 'no') throw new Problem(400, 'app:draft must be yes or no')
  return text === 'yes'
}

function appChildren(parent: Element, name: string): Element[] {
  return childElements(parent).filter((child) => child.localName === name && child.namespaceURI === APP)
}

import {
  APP,
  ATOM,
  atomChildren,
  type Category,
  entryIn,
  type EntrySource,
  parseText,
  serialize,
  XHTML,
  XmlElement,
} from '../atom/index.js'
import { Problem } from '../problem.js'
import type { Collection, Entry } from '../store/index.js'
import { textIn } from './content.js'

/** What a person fills in. */
export interface Fields {
  readonly title: string
  /** Of the `content`, or where there is media of the `summary`; undefined where it is none that a form can show. */
  readonly text: string | undefined
  readonly textType: 'text' | 'html'
  readonly categories: readonly Category[]
  readonly draft: boolean
}

export const NO_FIELDS: Fields = { title: '', text: '', textType: 'html', categories: [], draft: false }

export function fieldsOf(entry: Entry): Fields {
  const { title, categories, draft, xml } = entry.record
  const element = textElement(entry.record.mediaType)
  const text = textIn(entry, element)
  const isThere = atomChildren(parseText(xml), element).length > 0
  return {
    title,
    text: text?.value.replaceAll(` xmlns="${XHTML}"`, '') ?? (isThere ? undefined : ''),
    textType: text?.type === 'text' ? 'text' : 'html',
    categories,
    draft,
  }
}

/** Of a form that was sent. Throws a `Problem` 400 for one of somebody else's making. */
export function readFields(form: URLSearchParams, collection: Collection): Fields {
  const title = form.get('title')?.trim()
  if (title === undefined || title === '') throw new Problem(400, 'A title is needed')
  const chosen = form.getAll('category').map((value) => {
    // Browsers write a line break in two characters.
    const [term = '', scheme] = value.split(/\r?\n/)
    return { term, scheme: scheme || undefined }
  })
  const open = openScheme(collection)
  const typed = (form.get('categories') ?? '')
    .split(',')
    .map((term) => term.trim())
    .filter(Boolean)
    .map((term) => ({ term, scheme: open?.scheme }))
  return {
    title,
    text: form.get('text')?.replace(/\r\n/g, '\n'),
    textType: form.get('type') === 'text' ? 'text' : 'html',
    categories: [...chosen, ...(open === undefined ? [] : typed)],
    draft: form.has('draft'),
  }
}

/** Where people may think up categories; undefined where all are fixed. */
export function openScheme({ categories }: Collection): { readonly scheme: string | undefined } | undefined {
  if (categories.length === 0) return { scheme: undefined }
  const open = categories.find(({ fixed }) => !fixed)
  return open && { scheme: open.scheme }
}

/** A new entry, or one that is stored with what was filled in. All else that was in it stays. */
export function withFields(stored: Entry | undefined, fields: Fields, collection: Collection): EntrySource {
  const root = stored === undefined ? new XmlElement(ATOM, 'entry') : parseText(stored.record.xml)
  setText(root, 'title', fields.title, 'text')
  if (fields.text !== undefined)
    setText(root, textElement(stored?.record.mediaType), fields.text, fields.textType)
  setCategories(root, fields.categories, collection)
  setDraft(root, fields.draft)
  if (stored !== undefined) setText(root, 'updated', new Date().toISOString(), undefined)
  // A form may send characters that XML does not have.
  return entryIn(parseText(serialize(root)))
}

function textElement(mediaType: string | undefined): 'content' | 'summary' {
  return mediaType === undefined ? 'content' : 'summary'
}

function setText(root: XmlElement, name: string, text: string, type: string | undefined): void {
  const [old] = atomChildren(root, name)
  const element = new XmlElement(ATOM, name)
  if (type !== undefined) element.setAttribute('type', type)
  element.text = text
  if (old === undefined) root.append(element)
  else root.children[root.children.indexOf(old)] = element
}

/** Those that the form cannot show stay. */
function setCategories(root: XmlElement, categories: readonly Category[], collection: Collection): void {
  const schemes = [openScheme(collection)?.scheme, ...collection.categories.map(({ scheme }) => scheme)]
  root.remove((child) => child.is(ATOM, 'category') && schemes.includes(child.attribute('scheme')))
  for (const { term, scheme } of categories) {
    const element = root.append(new XmlElement(ATOM, 'category'))
    if (scheme !== undefined) element.setAttribute('scheme', scheme)
    element.setAttribute('term', term)
  }
}

function setDraft(root: XmlElement, draft: boolean): void {
  const control = root.elements().find((child) => child.is(APP, 'control'))
  control?.remove((child) => child.is(APP, 'draft'))
  if (!draft) return
  const parent = control ?? root.append(new XmlElement(APP, 'app:control'))
  parent.append(new XmlElement(APP, 'app:draft')).text = 'yes'
}

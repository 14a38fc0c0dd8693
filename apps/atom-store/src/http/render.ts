import { APP, ATOM, ENTRY_TYPE, escapeXml } from '../atom/index.js'
import type { AtomStore, Collection, Entry } from '../store/index.js'
import type { Addresses } from './addresses.js'

const DECLARATION = '<?xml version="1.0" encoding="utf-8"?>\n'
const END = '</entry>'

export interface Link {
  readonly rel: string
  readonly href: string
  readonly type?: string | undefined
}

export function renderService({ workspaces }: AtomStore, addresses: Addresses): string {
  const inside = workspaces.map(({ title, collections }) => {
    const members = collections.map((collection) => renderCollection(collection, addresses)).join('')
    return `<workspace><atom:title>${escapeXml(title)}</atom:title>${members}</workspace>`
  })
  return `${DECLARATION}<service xmlns="${APP}" xmlns:atom="${ATOM}">${inside.join('')}</service>`
}

function renderCollection({ name, title, accept, categories }: Collection, addresses: Addresses): string {
  const accepts =
    accept.length === 0 ? '<accept/>' : accept.map((each) => `<accept>${escapeXml(each)}</accept>`).join('')
  const sets = categories.map(({ fixed, scheme, terms }) => {
    const members = terms.map(({ term, label }) => `<atom:category${attributes({ term, label })}/>`)
    return `<categories${attributes({ fixed: fixed ? 'yes' : 'no', scheme })}>${members.join('')}</categories>`
  })
  const href = attributes({ href: addresses.collection(name) })
  return `<collection${href}><atom:title>${escapeXml(title)}</atom:title>${accepts}${sets.join('')}</collection>`
}

/** An entry document: what is stored, and what depends on the address and the time. */
export function renderEntry(collection: string, entry: Entry, addresses: Addresses): string {
  return DECLARATION + entryElement(collection, entry, addresses)
}

export interface FeedParts {
  readonly id: string
  readonly title: string
  readonly links: readonly Link[]
  readonly entries: readonly Entry[]
}

export function renderFeed(
  collection: string,
  { id, title, links, entries }: FeedParts,
  addresses: Addresses,
): string {
  const updated = (entries[0]?.modifiedAt ?? new Date(0)).toISOString()
  const head = `<id>${escapeXml(id)}</id><title>${escapeXml(title)}</title><updated>${updated}</updated>`
  const members = entries.map((entry) => entryElement(collection, entry, addresses)).join('\n')
  return `${DECLARATION}<feed xmlns="${ATOM}">${head}${links.map(linkElement).join('')}\n${members}\n</feed>`
}

function entryElement(collection: string, { name, record, modifiedAt }: Entry, addresses: Addresses): string {
  const href = addresses.entry(collection, name)
  const links: Link[] = [
    { rel: 'self', href, type: ENTRY_TYPE },
    { rel: 'edit', href, type: ENTRY_TYPE },
  ]
  if (record.needsAlternate) links.push({ rel: 'alternate', href, type: 'text/html' })
  let content = ''
  if (record.mediaType !== undefined) {
    const src = addresses.media(collection, name)
    links.push({ rel: 'edit-media', href: src, type: record.mediaType })
    content = `<content${attributes({ type: record.mediaType, src })}/>`
  }
  const edited = `<app:edited xmlns:app="${APP}">${modifiedAt.toISOString()}</app:edited>`
  const { xml } = record
  return `${xml.slice(0, -END.length)}${edited}${links.map(linkElement).join('')}${content}${END}`
}

function linkElement({ rel, href, type }: Link): string {
  return `<link${attributes({ rel, href, type })}/>`
}

function attributes(values: Readonly<Record<string, string | undefined>>): string {
  return Object.entries(values)
    .map(([name, value]) => (value === undefined ? '' : ` ${name}="${escapeXml(value)}"`))
    .join('')
}

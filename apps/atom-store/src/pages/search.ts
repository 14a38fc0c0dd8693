import { html } from 'hono/html'
import type { EntryRecord } from '../atom/index.js'
import type { Call } from '../http/index.js'
import { Problem } from '../problem.js'
import type { AtomStore, Collection } from '../store/index.js'
import { entryList } from './fragments.js'
import type { Html, Page } from './layout.js'

interface Query {
  /** As it was typed. */
  readonly text: string
  /** In the title, all of them, whatever their case. */
  readonly words: readonly string[]
  readonly category: string | undefined
  readonly withDrafts: boolean
  /** Where the page before has ended, in one collection. */
  readonly after: string | undefined
}

/** Entries by words of their title and by category, newest edited first, in one collection or in each. */
export async function searchPage(call: Call, store: AtomStore, withDrafts: boolean): Promise<Page> {
  const text = call.req.query('q')?.trim() ?? ''
  const query: Query = {
    text,
    words: folded(text).split(/\s+/).filter(Boolean),
    category: call.req.query('category')?.trim() || undefined,
    withDrafts,
    after: call.req.query('after') || undefined,
  }
  const name = call.req.query('in') || undefined
  const isAsked = query.words.length > 0 || query.category !== undefined
  const collections = collectionsOf(store, name)
  const found = isAsked ? await search(call, collections, query) : []
  const body = html`<h1>Search</h1>
    ${searchForm(store, query, name)}
    ${isAsked && found.length === 0 ? html`<p role="status">Nothing found.</p>` : ''} ${found}`
  return { title: 'Search', body, query: text }
}

function searchForm(store: AtomStore, { text, category = '' }: Query, name: string | undefined): Html {
  const options = collectionsOf(store, undefined).map(
    (each) =>
      html`<option value="${each.name}" ${each.name === name ? html`selected` : ''}>${each.title}</option>`,
  )
  return html`<form class="search">
    <label>Words of the title<input type="search" name="q" value="${text}" /></label>
    <label>Category<input name="category" value="${category}" /></label>
    <label
      >Collection<select name="in">
        <option value="">All</option>
        ${options}
      </select></label
    >
    <div class="bar"><button>Search</button></div>
  </form>`
}

function collectionsOf(store: AtomStore, name: string | undefined): readonly Collection[] {
  if (name === undefined) return store.workspaces.flatMap(({ collections }) => collections)
  const collection = store.collection(name)
  if (collection === undefined) throw new Problem(404, 'There is no such collection')
  return [collection]
}

/** A section for each collection that has any, or that has more to look at. */
async function search(call: Call, collections: readonly Collection[], query: Query): Promise<Html[]> {
  const { signal } = call.req.raw
  const isShown = (record: EntryRecord): boolean => fits(record, query)
  const sections: Html[] = []
  for (const collection of collections) {
    const place = { after: query.after }
    const { entries, next } = await collection.page(place, { signal, isShown, isRare: true })
    if (entries.length === 0 && next === undefined) continue
    const more = next?.after === undefined ? '' : moreLink(collection, query, next.after)
    sections.push(
      html`<h2>${collection.title}</h2>
        <p class="quiet" role="status">${entries.length} found${more === '' ? '' : ' so far'}</p>
        ${entryList(entries.map((entry) => ({ collection, entry })))} ${more}`,
    )
  }
  return sections
}

function moreLink({ name, title }: Collection, { text, category, withDrafts }: Query, after: string): Html {
  const query = new URLSearchParams({ q: text, category: category ?? '', in: name, after })
  if (withDrafts) query.set('drafts', 'yes')
  return html`<p><a class="button plain" href="/pages/search?${query.toString()}">Older in ${title}</a></p>`
}

function fits({ draft, title, categories }: EntryRecord, { words, category, withDrafts }: Query): boolean {
  if (draft && !withDrafts) return false
  if (category !== undefined && !categories.some(({ term }) => term === category)) return false
  const text = folded(title)
  return words.every((word) => text.includes(word))
}

/** Without case and accents. */
function folded(text: string): string {
  return text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase()
}

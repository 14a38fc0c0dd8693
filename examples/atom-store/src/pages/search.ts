import { html } from 'hono/html'
import type { Call } from '../http/env.js'
import { Problem } from '../problem.js'
import type { AtomStore } from '../store/atom-store.js'
import type { Collection } from '../store/collection.js'
import type { Entry } from '../store/entry.js'
import { entryList } from './fragments.js'
import type { Page } from './layout.js'

const MAX_FOUND = 200

interface Wanted {
  /** In the title, all of them, whatever their case. */
  readonly words: readonly string[]
  readonly category: string | undefined
  readonly withDrafts: boolean
}

/** Entries by words of their title and by category, in one collection or in all. */
export async function searchPage(call: Call, store: AtomStore, withDrafts: boolean): Promise<Page> {
  const query = call.req.query('q')?.trim() ?? ''
  const category = call.req.query('category')?.trim() || undefined
  const collections = collectionsOf(store, call.req.query('in') || undefined)
  const words = folded(query).split(/\s+/).filter(Boolean)
  const isAsked = words.length > 0 || category !== undefined
  const found = isAsked ? await search(call, collections, { words, category, withDrafts }) : []
  found.sort((a, b) => b.entry.editedAt.getTime() - a.entry.editedAt.getTime())
  const count = found.length === MAX_FOUND ? `The first ${MAX_FOUND}` : `${found.length} found`
  const options = store.workspaces
    .flatMap((workspace) => workspace.collections)
    .map(({ name, title }) => {
      const isChosen = collections.length === 1 && collections[0]?.name === name
      return html`<option value="${name}" ${isChosen ? html`selected` : ''}>${title}</option>`
    })
  const body = html`<h1>Search</h1>
    <form class="search">
      <label>Words of the title<input type="search" name="q" value="${query}" /></label>
      <label>Category<input name="category" value="${category ?? ''}" /></label>
      <label
        >Collection<select name="in">
          <option value="">All</option>
          ${options}
        </select></label
      >
      <div class="bar"><button>Search</button></div>
    </form>
    ${isAsked ? html`<p class="quiet" role="status">${count}</p>` : ''} ${entryList(found)}`
  return { title: 'Search', body, query }
}

function collectionsOf(store: AtomStore, name: string | undefined): readonly Collection[] {
  if (name === undefined) return store.workspaces.flatMap(({ collections }) => collections)
  const collection = store.collection(name)
  if (collection === undefined) throw new Problem(404, 'There is no such collection')
  return [collection]
}

async function search(call: Call, collections: readonly Collection[], wanted: Wanted) {
  const found: { collection: Collection; entry: Entry }[] = []
  for (const collection of collections) {
    for await (const entry of collection.all({ signal: call.req.raw.signal })) {
      if (fits(entry, wanted)) found.push({ collection, entry })
      if (found.length === MAX_FOUND) return found
    }
  }
  return found
}

function fits({ record }: Entry, { words, category, withDrafts }: Wanted): boolean {
  if (record.draft && !withDrafts) return false
  if (category !== undefined && !record.categories.some(({ term }) => term === category)) return false
  const title = folded(record.title)
  return words.every((word) => title.includes(word))
}

/** Without case and accents. */
function folded(text: string): string {
  return text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase()
}

import { html } from 'hono/html'
import type { Category } from '../atom/index.js'
import { Addresses } from '../http/index.js'
import type { Collection, Entry } from '../store/index.js'
import type { Html } from './layout.js'

/** All on this server: addresses begin with a slash. */
export const here = new Addresses('')

export function timeOf(date: Date): Html {
  const iso = date.toISOString()
  return html`<time datetime="${iso}">${iso.slice(0, 16).replace('T', ' ')} UTC</time>`
}

/** Categories, each a link to all entries of the collection that have it. */
export function tagsOf(collection: Collection, categories: readonly Category[]): Html[] {
  return categories.map((category) => {
    const query = new URLSearchParams({ in: collection.name, category: category.term })
    return html`<a class="tag" href="/pages/search?${query.toString()}">${labelOf(collection, category)}</a>`
  })
}

function labelOf({ categories }: Collection, { term, label, scheme }: Category): string {
  if (label !== undefined) return label
  const known = categories
    .filter((set) => set.scheme === scheme)
    .flatMap(({ terms }) => terms)
    .find((each) => each.term === term)
  return known?.label ?? term
}

export function draftOf({ record }: Entry): Html | '' {
  return record.draft ? html`<span class="tag draft">Draft</span>` : ''
}

export function entryList(entries: readonly { collection: Collection; entry: Entry }[]): Html {
  const items = entries.map(
    ({ collection, entry }) =>
      html`<li>
        <a class="title" href="${here.entry(collection.name, entry.name)}"
          >${entry.record.title || 'Without a title'}</a
        >
        ${draftOf(entry)}
        <div>${timeOf(entry.modifiedAt)} ${tagsOf(collection, entry.record.categories)}</div>
      </li>`,
  )
  return html`<ul class="cards">
    ${items}
  </ul>`
}

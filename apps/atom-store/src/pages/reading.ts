import { html } from 'hono/html'
import { type Call, feedOptions, seesDrafts, visibleEntry } from '../http/index.js'
import type { Problem } from '../problem.js'
import type { AtomStore, Collection, PagePlace } from '../store/index.js'
import { mediaOf, shown, textIn } from './content.js'
import { NEW } from './editor.js'
import { draftOf, entryList, here, tagsOf, timeOf } from './fragments.js'
import type { Html, Page } from './layout.js'

const NEWEST = 3

export async function homePage(call: Call, store: AtomStore): Promise<Page> {
  const sections = store.workspaces.map(async ({ title, collections }) => {
    const parts = collections.map(async (collection) => {
      const { entries } = await collection.page({}, { ...feedOptions(call), limit: NEWEST })
      return html`<h3><a href="${here.collection(collection.name)}">${collection.title}</a></h3>
        ${entryList(entries.map((entry) => ({ collection, entry })))}`
    })
    return html`<section>
      <h2>${title}</h2>
      ${await Promise.all(parts)}
    </section>`
  })
  return {
    title: store.title,
    body: html`<h1>${store.title}</h1>
      ${await Promise.all(sections)}`,
  }
}

export async function collectionPage(call: Call, collection: Collection, place: PagePlace): Promise<Page> {
  const page = await collection.page(place, feedOptions(call))
  const { entries } = page
  const extra: Record<string, string> = call.req.query('drafts') === 'yes' ? { drafts: 'yes' } : {}
  const link = (text: string, rel: string, to: PagePlace | undefined): Html | '' =>
    to === undefined
      ? ''
      : html`<a class="button plain" rel="${rel}" href="${here.page(collection.name, to, extra)}">${text}</a>`
  const isAtEnds = page.previous === undefined && page.next === undefined
  const body = html`<h1>${collection.title}</h1>
    <div class="bar">${adders(collection)} ${draftsLink(call, collection)}</div>
    ${entries.length === 0 ? html`<p class="quiet">Nothing here yet.</p>` : ''}
    ${entryList(entries.map((entry) => ({ collection, entry })))}
    ${
      isAtEnds
        ? ''
        : html`<nav class="bar" aria-label="Pages">
            ${link('Newest', 'first', {})} ${link('Newer', 'prev', page.previous)}
            ${link('Older', 'next', page.next)} ${link('Oldest', 'last', { last: true })}
          </nav>`
    }`
  return { title: collection.title, body }
}

function adders(collection: Collection): Html[] {
  const { name, accept } = collection
  const links: Html[] = []
  if (collection.accepts('application/atom+xml;type=entry'))
    links.push(html`<a class="button" href="/pages/${name}/${NEW}">New entry</a>`)
  if (accept.some((range) => !range.startsWith('application/atom+xml')))
    links.push(html`<a class="button" href="/pages/${name}/upload">Add a file</a>`)
  return links
}

/** Where nobody signs in, everybody may see drafts who asks. */
function draftsLink(call: Call, collection: Collection): Html | '' {
  const { viewer } = call.var
  if (!viewer.isEditor || viewer.user !== undefined || collection.isReadOnly) return ''
  return seesDrafts(call)
    ? html`<a href="${here.collection(collection.name)}">Without drafts</a>`
    : html`<a href="${here.page(collection.name, {}, { drafts: 'yes' })}">With drafts</a>`
}

export async function entryPage(call: Call, collection: Collection, name: string): Promise<Page> {
  const entry = await visibleEntry(call, collection, name)
  const { record } = entry
  const base = `/pages/${collection.name}/${encodeURIComponent(name)}`
  const mediaTag =
    record.mediaType === undefined ? '' : html`<a class="button plain" href="${base}/media">Replace file</a>`
  const controls = collection.isReadOnly
    ? ''
    : html`<div class="bar">
        <a class="button" href="${base}/edit">Edit</a> ${mediaTag}
        <a class="button plain" href="${base}/delete">Delete</a>
      </div>`
  const body = html`<p class="quiet"><a href="${here.collection(collection.name)}">${collection.title}</a></p>
    <h1>${record.title || 'Without a title'} ${draftOf(entry)}</h1>
    <p>${timeOf(entry.modifiedAt)} ${tagsOf(collection, record.categories)}</p>
    ${mediaOf(collection, entry)} ${shown(textIn(entry, 'content') ?? textIn(entry, 'summary'))} ${controls}`
  return { title: record.title, body }
}

export function problemPage({ status, message }: Problem): Page {
  const body = html`<h1>${status === 404 ? 'Not found' : 'That did not work'}</h1>
    <p class="problem" role="alert">${message}.</p>
    <p><a href="/">To the beginning</a></p>`
  return { title: message, body, status }
}

import type { Hono } from 'hono'
import { html } from 'hono/html'
import type { Config } from '../config.js'
import { seesDrafts } from '../http/collections.js'
import { visibleEntry } from '../http/entries.js'
import type { Call, Env } from '../http/env.js'
import { problemOf } from '../http/failures.js'
import type { HtmlPages } from '../http/html-pages.js'
import { Problem } from '../problem.js'
import type { AtomStore } from '../store/atom-store.js'
import type { Collection } from '../store/collection.js'
import type { PagePlace } from '../store/feed-page.js'
import { mediaOf, shown, textIn } from './content.js'
import { type Editor, NEW, newEditor } from './editor.js'
import { draftOf, entryList, here, tagsOf, timeOf } from './fragments.js'
import { type Html, type Page, respond } from './layout.js'
import { searchPage } from './search.js'
import { type StatisticsSource, statisticsPage } from './statistics.js'
import { STYLE } from './style.js'

const NEWEST = 3

export interface PagesOptions {
  readonly store: AtomStore
  readonly config: Config
  /** Told of what is the server's fault. */
  readonly onFault?: ((error: unknown) => void) | undefined
  /** Without it there is no page of statistics. */
  readonly statistics?: StatisticsSource | undefined
}

/** What a browser sees: rendered here, readable without scripts. */
export function createPages({ store, config, statistics, onFault }: PagesOptions): HtmlPages {
  const editor = newEditor(config)

  /** Shows a page, or in its place what went wrong. */
  const show = async (call: Call, make: () => Promise<Page | Response>): Promise<Response> => {
    try {
      const page = await make()
      return page instanceof Response ? page : await respond(call, store.title, page)
    } catch (error) {
      const problem = problemOf(error)
      // The browser is to ask for a name and a password.
      if (problem.status === 401) throw problem
      if (problem.status >= 500) onFault?.(problem.cause ?? problem)
      for (const [name, value] of Object.entries(problem.headers)) call.header(name, value)
      return respond(call, store.title, problemPage(problem))
    }
  }

  const found = (call: Call): Collection => {
    const collection = store.collection(call.req.param('collection') ?? '')
    if (collection === undefined) throw new Problem(404, 'There is no such collection')
    return collection
  }

  const route = (app: Hono<Env>, path: string, work: keyof Editor): void => {
    const handle = (call: Call): Promise<Response> =>
      show(call, () => editor[work](call, found(call), call.req.param('name') ?? ''))
    app.on(['GET', 'POST'], path, handle)
  }

  return {
    mount: (app) => {
      app.get('/pages/style.css', (call) =>
        call.body(STYLE, 200, { 'Content-Type': 'text/css;charset=utf-8' }),
      )
      // From here on the browser tells who it is, for all addresses of this server.
      app.get('/pages', (call) => {
        if (call.var.viewer.user === undefined && config.auth !== undefined)
          throw new Problem(401, 'Sign in', {
            headers: { 'WWW-Authenticate': `Basic realm="${config.auth.realm}"` },
          })
        return call.redirect('/', 303)
      })
      app.get('/pages/search', (call) => show(call, () => searchPage(call, store, seesDrafts(call))))
      app.get('/pages/statistics', (call) =>
        show(call, () => {
          if (statistics === undefined) throw new Problem(404, 'There is no cache to tell about')
          return statisticsPage(statistics)
        }),
      )
      route(app, `/pages/:collection/${NEW}`, 'create')
      route(app, '/pages/:collection/upload', 'upload')
      route(app, '/pages/:collection/:name/edit', 'edit')
      route(app, '/pages/:collection/:name/media', 'replace')
      route(app, '/pages/:collection/:name/delete', 'remove')
    },
    home: (call) => show(call, () => homePage(call, store)),
    collection: (call, collection, place, withDrafts) =>
      show(call, () => collectionPage(call, collection, place, withDrafts)),
    entry: (call, collection, name) => show(call, () => entryPage(call, collection, name)),
  }
}

async function homePage(call: Call, store: AtomStore): Promise<Page> {
  const { signal } = call.req.raw
  const withDrafts = seesDrafts(call)
  const sections = store.workspaces.map(async ({ title, collections }) => {
    const parts = collections.map(async (collection) => {
      const { entries } = await collection.page({}, { limit: NEWEST, signal })
      const visible = entries.filter(({ record }) => withDrafts || !record.draft)
      return html`<h3><a href="${here.collection(collection.name)}">${collection.title}</a></h3>
        ${entryList(visible.map((entry) => ({ collection, entry })))}`
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

async function collectionPage(
  call: Call,
  collection: Collection,
  place: PagePlace,
  withDrafts: boolean,
): Promise<Page> {
  const page = await collection.page(place, { signal: call.req.raw.signal })
  const entries = page.entries.filter(({ record }) => withDrafts || !record.draft)
  const extra: Record<string, string> = call.req.query('drafts') === 'yes' ? { drafts: 'yes' } : {}
  const link = (text: string, rel: string, to: PagePlace | undefined): Html | '' =>
    to === undefined
      ? ''
      : html`<a class="button plain" rel="${rel}" href="${here.page(collection.name, to, extra)}">${text}</a>`
  const isAtEnds = page.previous === undefined && page.next === undefined
  const body = html`<h1>${collection.title}</h1>
    <div class="bar">${adders(collection)} ${draftsLink(call, collection, withDrafts)}</div>
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
function draftsLink(call: Call, collection: Collection, withDrafts: boolean): Html | '' {
  const { viewer } = call.var
  if (!viewer.isEditor || viewer.user !== undefined || collection.isReadOnly) return ''
  return withDrafts
    ? html`<a href="${here.collection(collection.name)}">Without drafts</a>`
    : html`<a href="${here.page(collection.name, {}, { drafts: 'yes' })}">With drafts</a>`
}

async function entryPage(call: Call, collection: Collection, name: string): Promise<Page> {
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
    <p>${timeOf(entry.editedAt)} ${tagsOf(collection, record.categories)}</p>
    ${mediaOf(collection, entry)} ${shown(textIn(entry, 'content') ?? textIn(entry, 'summary'))} ${controls}`
  return { title: record.title, body }
}

function problemPage({ status, message }: Problem): Page {
  const body = html`<h1>${status === 404 ? 'Not found' : 'That did not work'}</h1>
    <p class="problem" role="alert">${message}.</p>
    <p><a href="/">To the beginning</a></p>`
  return { title: message, body, status }
}

import type { Hono } from 'hono'
import { answer, type Call, type Env, type HtmlPages, resource, seesDrafts, tagOf } from '../http/index.js'
import type { Config } from '../config.js'
import { Problem } from '../problem.js'
import type { AtomStore, Collection } from '../store/index.js'
import { type Editor, NEW, newEditor } from './editor.js'
import { type Page, respond } from './layout.js'
import { collectionPage, entryPage, homePage, problemPage } from './reading.js'
import { searchPage } from './search.js'
import { type StatisticsSource, statisticsPage } from './statistics.js'
import { STYLE } from './style.js'

export interface PagesOptions {
  readonly store: AtomStore
  readonly config: Config
  /** Without it there is no page of statistics. */
  readonly statistics?: StatisticsSource | undefined
}

/** What a browser sees: rendered here, readable without scripts. */
export function createPages({ store, config, statistics }: PagesOptions): HtmlPages {
  const editor = newEditor(config)
  const show = async (call: Call, page: Promise<Page>): Promise<Response> =>
    respond(call, store.title, await page)
  const found = (call: Call): Collection => {
    const collection = store.collection(call.req.param('collection') ?? '')
    if (collection === undefined) throw new Problem(404, 'There is no such collection')
    return collection
  }
  /** Only the browser of who edits has a use for a form, and only once. */
  const addForm = (app: Hono<Env>, path: string, step: keyof Editor): void => {
    const handle = async (call: Call): Promise<Response> => {
      call.header('Cache-Control', 'no-store')
      const page = await editor[step](call, found(call), call.req.param('name') ?? '')
      return page instanceof Response ? page : respond(call, store.title, page)
    }
    resource(app, path, { GET: handle, POST: handle })
  }
  const checkSignedIn = ({ var: { viewer } }: Call): void => {
    if (config.auth === undefined || viewer.isEditor) return
    const headers = { 'WWW-Authenticate': `Basic realm="${config.auth.realm}"` }
    throw new Problem(401, 'Sign in', { headers })
  }

  return {
    mount: (app) => {
      resource(app, '/pages/style.css', {
        GET: (call) => answer(call, { etag: tagOf(STYLE) }, 'text/css', () => STYLE),
      })
      // From here on the browser tells who it is, for all addresses of this server.
      resource(app, '/pages', {
        GET: (call) => {
          checkSignedIn(call)
          return call.redirect('/', 303)
        },
      })
      resource(app, '/pages/search', {
        GET: (call) => show(call, searchPage(call, store, seesDrafts(call))),
      })
      resource(app, '/pages/statistics', {
        GET: (call) => {
          if (statistics === undefined) throw new Problem(404, 'There is no cache to tell about')
          checkSignedIn(call)
          return show(call, statisticsPage(statistics, call.req.query('refresh') !== 'no'))
        },
      })
      addForm(app, `/pages/:collection/${NEW}`, 'create')
      addForm(app, '/pages/:collection/upload', 'upload')
      addForm(app, '/pages/:collection/:name/edit', 'edit')
      addForm(app, '/pages/:collection/:name/media', 'replace')
      addForm(app, '/pages/:collection/:name/delete', 'remove')
    },
    home: (call) => show(call, homePage(call, store)),
    collection: (call, collection, place) => show(call, collectionPage(call, collection, place)),
    entry: (call, collection, name) => show(call, entryPage(call, collection, name)),
    problem: (call, problem) => respond(call, store.title, problemPage(problem)),
  }
}

import { html } from 'hono/html'
import type { Call } from '../http/index.js'

/** HTML, in which everything that was put into it is escaped. */
export type Html = ReturnType<typeof html>

/** No script runs, nothing is fetched from elsewhere, and nobody frames it. */
const POLICY =
  "default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'self'; form-action 'self'; " +
  "frame-ancestors 'none'; base-uri 'none'"

export interface Page {
  readonly title: string
  readonly body: Html
  /** What was searched for. */
  readonly query?: string | undefined
  /** After how many seconds the browser asks again. */
  readonly refreshSeconds?: number | undefined
  readonly status?: number | undefined
}

/** Answers with a page as a whole, under the name of the store. */
export async function respond(call: Call, storeTitle: string, page: Page): Promise<Response> {
  const { title, body, query = '', refreshSeconds, status = 200 } = page
  const { user, isEditor } = call.var.viewer
  const refresh =
    refreshSeconds === undefined ? '' : html`<meta http-equiv="refresh" content="${refreshSeconds}" />`
  const document = await html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        ${refresh}
        <title>${title === storeTitle ? title : `${title} · ${storeTitle}`}</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href="/pages/style.css" />
        <link rel="service" type="application/atomsvc+xml" href="/service" />
      </head>
      <body>
        <a class="skip" href="#main">To the text</a>
        <header>
          <a class="home" href="/">${storeTitle}</a>
          <form action="/pages/search" role="search">
            <input
              type="search"
              name="q"
              value="${query}"
              placeholder="Title"
              aria-label="Words of a title"
            />
            <button>Search</button>
          </form>
          <nav>
            ${isEditor ? html`<a href="/pages/statistics">Cache</a>` : ''}
            ${user === undefined ? (isEditor ? '' : html`<a href="/pages">Sign in</a>`) : html`<span>${user}</span>`}
          </nav>
        </header>
        <main id="main">${body}</main>
      </body>
    </html>`
  return call.body(document.toString(), status as 200, {
    'Content-Type': 'text/html;charset=utf-8',
    'Content-Security-Policy': POLICY,
    'Referrer-Policy': 'same-origin',
    'X-Content-Type-Options': 'nosniff',
  })
}

import { html, raw } from 'hono/html'
import sanitizeHtml from 'sanitize-html'
import { atomChildren, parseText, type Text, textOf } from '../atom/index.js'
import type { Collection, Entry } from '../store/index.js'
import { here } from './fragments.js'
import type { Html } from './layout.js'

const TEXT_TYPES = ['text', 'html', 'xhtml']

/** What somebody wrote, without what could run, ask for passwords, or look like this server's own controls. */
const CLEAN: sanitizeHtml.IOptions = {
  allowedTags: sanitizeHtml.defaults.allowedTags.concat(['img', 'del', 'ins']),
  allowedAttributes: {
    a: ['href', 'title'],
    img: ['src', 'alt', 'title', 'width', 'height'],
    '*': ['lang', 'dir'],
  },
  nestingLimit: 100,
  allowedSchemes: ['http', 'https', 'mailto'],
  transformTags: { a: sanitizeHtml.simpleTransform('a', { rel: 'nofollow noreferrer' }, true) },
}

/** The text of an entry's `content` or `summary`; undefined where there is none, or none that is text. */
export function textIn(entry: Entry, element: 'content' | 'summary'): Text | undefined {
  const [found] = atomChildren(parseText(entry.record.xml), element)
  if (found === undefined || found.attribute('src')) return undefined
  return TEXT_TYPES.includes(found.attribute('type') ?? 'text') ? textOf(found) : undefined
}

/** Safe to show, whoever wrote it. */
export function shown(text: Text | undefined): Html | '' {
  if (text === undefined || text.value.trim() === '') return ''
  if (text.type !== 'text') return html`<article>${raw(sanitizeHtml(text.value, CLEAN))}</article>`
  const paragraphs = text.value.trim().split(/\n\s*\n/)
  return html`<article>${paragraphs.map((paragraph) => html`<p>${paragraph}</p>`)}</article>`
}

/** The media of a media link entry, as far as a browser shows such. */
export function mediaOf(collection: Collection, { name, record }: Entry): Html | '' {
  const { mediaType, title } = record
  if (mediaType === undefined) return ''
  const src = here.media(collection.name, name)
  const [kind] = mediaType.split('/')
  const link = html`<a href="${src}" download="${name}">Download</a> <span class="quiet">${mediaType}</span>`
  if (kind === 'image')
    return html`<figure><img src="${src}" alt="${title}" /></figure>
      <p>${link}</p>`
  if (kind === 'video')
    return html`<figure><video src="${src}" controls></video></figure>
      <p>${link}</p>`
  if (kind === 'audio')
    return html`<figure><audio src="${src}" controls></audio></figure>
      <p>${link}</p>`
  return html`<p>${link}</p>`
}

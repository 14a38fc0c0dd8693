import { html } from 'hono/html'
import type { Collection } from '../store/index.js'
import type { Fields } from './fields.js'
import { openScheme } from './fields.js'
import type { Html } from './layout.js'

export interface FormParts {
  readonly collection: Collection
  readonly fields: Fields
  /** Of the version that is edited; undefined for a new entry. */
  readonly etag?: string | undefined
  /** The text describes media. */
  readonly isMedia?: boolean | undefined
  /** What is wrong, for people. */
  readonly problem?: string | undefined
}

/** Creates or edits an entry. It is sent to the address that it came from. */
export function entryForm({ collection, fields, etag, isMedia = false, problem }: FormParts): Html {
  const { title, text, textType, draft } = fields
  const types = [
    { type: 'html', label: 'HTML' },
    { type: 'text', label: 'Plain text' },
  ]
  const choices = types.map(
    ({ type, label }) =>
      html`<label class="choice"
        ><input type="radio" name="type" value="${type}" ${textType === type ? html`checked` : ''} />
        ${label}</label
      >`,
  )
  // Browsers drop the first line break of a text area.
  const writing =
    text === undefined
      ? html`<p class="quiet">
          The content of this entry is nothing that a form can show. It stays as it is.
        </p>`
      : html`<label>${isMedia ? 'Summary' : 'Text'}<textarea name="text">${`\n${text}`}</textarea></label>
          <fieldset>
            <legend>Written in</legend>
            ${choices}
          </fieldset>`
  return html`${problemOf(problem)}
    <form method="post">
      ${etag === undefined ? '' : html`<input type="hidden" name="etag" value="${etag}" />`}
      <label>Title<input name="title" value="${title}" required /></label>
      ${writing} ${categoryFields(collection, fields)}
      <p>
        <label class="choice"
          ><input type="checkbox" name="draft" ${draft ? html`checked` : ''} /> A draft, for editors
          only</label
        >
      </p>
      <div class="bar"><button>Save</button></div>
    </form>`
}

/** Sends a file. What is said about it comes first, so that it is known when the file arrives. */
export function uploadForm({ accept }: Collection, problem?: string, etag?: string): Html {
  const isNew = etag === undefined
  return html`${problemOf(problem)}
    <form method="post" enctype="multipart/form-data">
      ${
        isNew
          ? html`<label>Title<input name="title" /></label>`
          : html`<input type="hidden" name="etag" value="${etag}" />`
      }
      <label>File<input type="file" name="file" accept="${accept.join(',')}" required /></label>
      <div class="bar"><button>${isNew ? 'Store' : 'Replace'}</button></div>
    </form>`
}

function problemOf(problem: string | undefined): Html | '' {
  return problem === undefined ? '' : html`<p class="problem" role="alert">${problem}</p>`
}

function categoryFields(collection: Collection, { categories }: Fields): Html[] {
  const listed = collection.categories.map(({ scheme, terms }) => {
    const boxes = terms.map(({ term, label }) => {
      const isChosen = categories.some((each) => each.term === term && each.scheme === scheme)
      const value = `${term}\n${scheme ?? ''}`
      return html`<label class="choice"
        ><input type="checkbox" name="category" value="${value}" ${isChosen ? html`checked` : ''} />
        ${label ?? term}</label
      >`
    })
    return terms.length === 0
      ? html``
      : html`<fieldset>
          <legend>
            Categories${scheme === undefined ? '' : html` <span class="quiet">${scheme}</span>`}
          </legend>
          ${boxes}
        </fieldset>`
  })
  const open = openScheme(collection)
  if (open === undefined) return listed
  const known = collection.categories
    .filter(({ scheme }) => scheme === open.scheme)
    .flatMap(({ terms }) => terms.map(({ term }) => term))
  const others = categories.filter(({ term, scheme }) => scheme === open.scheme && !known.includes(term))
  const value = others.map(({ term }) => term).join(', ')
  return [
    ...listed,
    html`<label>Other categories, with commas between<input name="categories" value="${value}" /></label>`,
  ]
}

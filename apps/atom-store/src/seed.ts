import { APP, ATOM, escapeXml, parseEntry } from './atom/index.js'
import type { AtomStore, Collection } from './store/index.js'

interface Seed {
  readonly title: string
  readonly html: string
  readonly kind?: 'essay' | 'note' | 'recipe'
  readonly terms?: readonly string[]
  readonly draft?: boolean
}

const JOURNAL: readonly Seed[] = [
  {
    title: 'Rye bread with plums',
    kind: 'recipe',
    terms: ['cooking'],
    html: '<p>Three parts rye, one part wheat, and the plums that the wasps have left.</p><ol><li>Knead.</li><li>Wait until it has doubled.</li><li>Bake for an hour.</li></ol>',
  },
  {
    title: 'The night train to Vienna',
    kind: 'essay',
    terms: ['travel'],
    html: '<p>It leaves at ten, and by the time one has found out how the lamp works it is morning.</p>',
  },
  { title: 'Things to mend', kind: 'note', html: '<ul><li>the gate</li><li>the other gate</li></ul>' },
  { title: 'An unfinished letter', draft: true, html: '<p>Dear Ann,</p>' },
]

const ARCHIVE: readonly Seed[] = [{ title: 'The first page', html: '<p>Nobody can write here any more.</p>' }]

const PICTURE = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 200" role="img" aria-label="A jar on a shelf">
<rect width="320" height="200" fill="#f3e9d2"/><rect y="150" width="320" height="12" fill="#8a5a2b"/>
<rect x="120" y="60" width="80" height="90" rx="14" fill="#c8d8c0" stroke="#49624a" stroke-width="4"/>
<rect x="114" y="44" width="92" height="22" rx="6" fill="#49624a"/><circle cx="148" cy="122" r="14" fill="#6b2d5c"/>
<circle cx="174" cy="126" r="14" fill="#7d3a6c"/><circle cx="162" cy="102" r="14" fill="#59244c"/></svg>
`

/** Fills collections of the example's names that are empty. Resolves to the number of entries made. */
export async function seed(store: AtomStore): Promise<number> {
  let made = 0
  const fill = async (name: string, work: (collection: Collection) => Promise<number>): Promise<void> => {
    const collection = store.collection(name)
    if (collection === undefined) return
    const { entries } = await collection.page({}, { limit: 1 })
    if (entries.length === 0) made += await work(collection)
  }
  await fill('journal', (collection) => addAll(collection, JOURNAL))
  await fill('archive', (collection) => addAll(collection, ARCHIVE))
  await fill('pictures', async (collection) => {
    await collection.createMedia(
      { type: 'image/svg+xml', bytes: Buffer.from(PICTURE) },
      { slug: 'A jar of plums' },
    )
    return 1
  })
  return made
}

async function addAll(collection: Collection, seeds: readonly Seed[]): Promise<number> {
  for (const each of seeds) await collection.create(parseEntry(Buffer.from(xmlOf(each))))
  return seeds.length
}

function xmlOf({ title, html, kind, terms = [], draft = false }: Seed): string {
  const kinds = kind === undefined ? '' : `<category scheme="urn:example:kind" term="${kind}"/>`
  const categories = kinds + terms.map((term) => `<category term="${escapeXml(term)}"/>`).join('')
  const control = draft ? `<control xmlns="${APP}"><draft>yes</draft></control>` : ''
  const body = `<content type="html">${escapeXml(html)}</content>`
  return `<entry xmlns="${ATOM}"><title>${escapeXml(title)}</title>${categories}${body}${control}</entry>`
}

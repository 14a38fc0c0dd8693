import { MemoryStorage, type ListOptions, type PageOptions, type ResourceInfo } from '@larder/storage-core'
import { Defective, mutant, type Mutant } from './mutant.js'

/** Folds names together before they are stored. */
class FoldsNames extends Defective {
  readonly #fold: (name: string) => string

  constructor(fold: (name: string) => string) {
    super(new MemoryStorage())
    this.#fold = fold
  }

  override info(collection: string, resource?: string): ResourceInfo {
    const info = super.info(collection, resource)
    return resource === undefined ? info : super.info(collection, this.#fold(resource) || resource)
  }
}

class ReplacesHalves extends Defective {
  override info(collection: string, resource?: string): ResourceInfo {
    return super.info(
      typeof collection === 'string' ? Buffer.from(collection).toString() : collection,
      resource,
    )
  }
}

class FoldsCollections extends Defective {
  override info(collection: string, resource?: string): ResourceInfo {
    super.info(collection, resource)
    return super.info(collection.toLowerCase().trim() || collection, resource)
  }

  override ls(collection: string, ext?: string | ListOptions) {
    return super.ls(collection.toLowerCase().trim() || collection, ext)
  }
}

function extOf(ext: string | ListOptions | undefined): string | undefined {
  return typeof ext === 'string' ? ext : ext?.ext
}

/** Lists all, and keeps what `matches`. */
class FiltersNames extends Defective {
  readonly #matches: (name: string, ext: string) => boolean

  constructor(matches: (name: string, ext: string) => boolean) {
    super()
    this.#matches = matches
  }

  override async ls(collection: string, options?: string | ListOptions) {
    const ext = extOf(options)
    if (ext === undefined) return super.ls(collection, options)
    const all = await super.ls(collection)
    return new Map([...all].filter(([name]) => this.#matches(name, ext.startsWith('.') ? ext : `.${ext}`)))
  }
}

/** As SQL's LIKE without an escape. */
function likes(name: string, ext: string): boolean {
  const escaped = ext.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')
  return new RegExp(`^.*${escaped.replaceAll('%', '.*').replaceAll('_', '.')}$`, 's').test(name)
}

class SortsByUnits extends Defective {
  override async ls(collection: string, ext?: string | ListOptions) {
    return new Map([...(await super.ls(collection, ext))].sort(([a], [b]) => (a < b ? -1 : 1)))
  }
}

class ListsRemoved extends Defective {
  readonly #ever = new Map<string, Map<string, ResourceInfo>>()

  override async ls(collection: string, ext?: string | ListOptions) {
    const ever = this.#ever.get(collection) ?? new Map<string, ResourceInfo>()
    this.#ever.set(collection, ever)
    for (const [name, info] of await super.ls(collection, ext)) ever.set(name, info)
    return new Map(ever)
  }
}

class ListsNeighbours extends Defective {
  readonly #collections = new Set<string>()

  override info(collection: string, resource?: string): ResourceInfo {
    const info = super.info(collection, resource)
    this.#collections.add(collection)
    return info
  }

  override async ls(collection: string, ext?: string | ListOptions) {
    const listed = await super.ls(collection, ext)
    for (const other of this.#collections) {
      if (!other.startsWith(collection)) continue
      for (const [name, info] of await super.ls(other, ext)) listed.set(name, info)
    }
    return listed
  }
}

class PagesByOffset extends Defective {
  override async page(collection: string, options: PageOptions = {}) {
    const { after, limit = 100, ...rest } = options
    const offset = after === undefined ? 0 : Number(after)
    if (!Number.isInteger(offset)) return super.page(collection, options)
    const { entries } = await super.page(collection, { ...rest, limit: 10_000 })
    const end = offset + limit
    return { entries: entries.slice(offset, end), next: end < entries.length ? String(end) : undefined }
  }
}

class PagesWithLooseCursors extends Defective {
  override async page(collection: string, options: PageOptions = {}) {
    const { after, limit = 100, ...rest } = options
    const { entries } = await super.page(collection, { ...rest, limit: 10_000 })
    const start = after === undefined ? 0 : entries.findIndex((entry) => entry.name === after) + 1
    const page = entries.slice(start, start + limit)
    return { entries: page, next: start + limit < entries.length ? page.at(-1)?.name : undefined }
  }
}

class GoesRoundInCircles extends Defective {
  override async page(collection: string, options: PageOptions = {}) {
    const page = await super.page(collection, options)
    return { ...page, next: page.next ?? options.after }
  }
}

class KnowsOneOrder extends Defective {
  override page(collection: string, options?: PageOptions) {
    return super.page(collection, { ...options, order: 'name' })
  }
}

class TurnsBackFromTheWrongEnd extends Defective {
  override async page(collection: string, options: PageOptions = {}) {
    const page = await super.page(collection, options)
    const one = await super.page(collection, { ...options, limit: 1, after: page.next })
    return { ...page, back: one.back ?? page.back }
  }
}

class AddsAnEmptyPage extends Defective {
  override async page(collection: string, options: PageOptions = {}) {
    if (options.after === 'last') return { entries: [], next: undefined }
    const page = await super.page(collection, options)
    return { ...page, next: page.next ?? 'last' }
  }
}

class ForgetsMembersWhenMadeAgain extends Defective {
  override async createContainer(collection: string) {
    for (const info of (await super.ls(collection)).values()) await super.remove(info)
  }
}

const CONTAINERS = 'containers, exists and persist'

export const MUTANTS_OF_NAMES: readonly Mutant[] = [
  mutant('names', 'trims names', () => new FoldsNames((name) => name.trim())),
  mutant('names', 'ignores trailing spaces', () => new FoldsNames((name) => name.replace(/ +$/, ''))),
  mutant('names', 'ignores case', () => new FoldsNames((name) => name.toLowerCase())),
  mutant('names', 'normalizes names', () => new FoldsNames((name) => name.normalize('NFC'))),
  mutant('names', 'cuts names at 200 characters', () => new FoldsNames((name) => name.slice(0, 200))),
  mutant('names', 'resolves paths', () => new FoldsNames((name) => new URL(`file:///${name}`).pathname)),
  mutant('names', 'takes halves of pairs for U+FFFD', () => new ReplacesHalves()),
  mutant('listings', 'folds collections together', () => new FoldsCollections()),
  mutant('listings', 'takes ext for a substring', () => new FiltersNames((name, ext) => name.includes(ext))),
  mutant('listings', 'takes ext for a pattern', () => new FiltersNames(likes)),
  mutant(
    'listings',
    'ignores the dot of ext',
    () => new FiltersNames((name, ext) => name.endsWith(ext.slice(1))),
  ),
  mutant('listings', 'sorts by UTF-16 units', () => new SortsByUnits()),
  mutant('listings', 'lists what was removed', () => new ListsRemoved()),
  mutant('listings', 'lists collections that begin alike', () => new ListsNeighbours()),
  mutant('pages', 'pages by offset', () => new PagesByOffset()),
  mutant('pages', 'takes cursors of other listings', () => new PagesWithLooseCursors()),
  mutant('pages', 'goes round in circles', () => new GoesRoundInCircles()),
  mutant('pages', 'knows only the order by name', () => new KnowsOneOrder()),
  mutant('pages', 'turns back from the wrong end', () => new TurnsBackFromTheWrongEnd()),
  mutant('pages', 'adds an empty page at the end', () => new AddsAnEmptyPage()),
  mutant(CONTAINERS, 'empties a collection that is made again', () => new ForgetsMembersWhenMadeAgain()),
]

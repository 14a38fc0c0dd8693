import type { CallOptions, PartStream, ResourceInfo, Storage } from '@larder/storage-core'
import { isStorageError } from '@larder/storage-core'
import { ENTRY_TYPE, entryIn, type EntrySource, mediaLinkEntry, parseText, recordOf } from '../atom/index.js'
import type { CategoriesConfig, CollectionConfig } from '../config.js'
import { rangeHolds } from '../media-type.js'
import { Problem } from '../problem.js'
import { checkCategories } from './categories.js'
import { checkConditions, type Version } from './conditions.js'
import { type Entry, entryOf } from './entry.js'
import { type FeedOptions, type FeedPage, type PagePlace, readPage } from './feed-page.js'
import type { HookRunner } from './hooks.js'
import { type Media, onceReadable } from './media.js'
import { isName } from './slug.js'
import { newTerms, sameTerms } from './terms.js'
import { type WriteRequest, Writer } from './writer.js'

export type { WriteRequest } from './writer.js'

/** Entries, and media with an entry each, under one address. */
export class Collection {
  readonly name: string
  readonly title: string
  /** Media ranges that can be posted; none where it is read-only. */
  readonly accept: readonly string[]
  readonly categories: readonly CategoriesConfig[]
  readonly pageSize: number
  readonly #storage: Storage
  readonly #home: string
  readonly #writer: Writer

  constructor(storage: Storage, config: CollectionConfig, hooks: HookRunner, pageSize: number) {
    this.name = config.name
    this.title = config.title
    this.accept = config.accept
    this.categories = config.categories
    this.pageSize = pageSize
    this.#storage = storage
    this.#home = `atom.${config.name}`
    this.#writer = new Writer(storage, this, hooks)
  }

  get isReadOnly(): boolean {
    return this.accept.length === 0
  }

  accepts(mediaType: string): boolean {
    return this.accept.some((range) => rangeHolds(range, mediaType))
  }

  /** Entries, newest edited first, drafts among them unless `isShown` leaves them out. */
  page(place: PagePlace = {}, options: Partial<FeedOptions> = {}): Promise<FeedPage> {
    const defaults = { limit: this.pageSize, isShown: () => true }
    return readPage(this.#storage, this.#home, place, { ...defaults, ...options })
  }

  /** Where a member is in the storage. */
  info(name: string): ResourceInfo {
    return this.#storage.info(this.#home, name)
  }

  /** The entry, or undefined. */
  async read(name: string, options: CallOptions = {}): Promise<Entry | undefined> {
    const stored = isName(name)
      ? await ifThere(this.#storage.getMetaData(this.info(name), options))
      : undefined
    return stored && entryOf(name, stored)
  }

  /** The media behind an entry, or undefined. Whoever does not read its stream to the end has to close it. */
  async openMedia(name: string, options: CallOptions = {}): Promise<PartStream | undefined> {
    return isName(name) ? ifThere(this.#storage.openContent(this.info(name), options)) : undefined
  }

  /** Stores a new entry under a name of its slug, or of its title. */
  create(
    source: EntrySource,
    request: WriteRequest & { readonly slug?: string | undefined } = {},
  ): Promise<Entry> {
    const { slug = source.title, ...rest } = request
    const terms = newTerms(rest.user)
    return this.#writer.create(slug, rest, ENTRY_TYPE, undefined, this.#builder(source, terms))
  }

  /** Stores media with a new entry that describes it, both in one step. */
  createMedia(
    media: Media,
    request: WriteRequest & { readonly slug?: string | undefined } = {},
  ): Promise<Entry> {
    const { slug = '', ...rest } = request
    const source = mediaLinkEntry(slug === '' ? media.type : slug)
    const terms = { ...newTerms(rest.user), mediaType: media.type }
    return this.#writer.create(slug, rest, media.type, media, this.#builder(source, terms))
  }

  /** Replaces an entry, or the description of media; its id, and when it was published, stay. */
  update(name: string, source: EntrySource, request: WriteRequest = {}): Promise<Entry> {
    return this.#writer.change(name, 'Update', request, async (stored) => {
      checkConditions(request, stored)
      if (source.id !== undefined && source.id !== stored.record.id)
        throw new Problem(409, 'The id of an entry stays what it is')
      const build = this.#builder(source, sameTerms(stored.record, request.user))
      return { build }
    })
  }

  /** Replaces media; the conditions are about the media. Its entry is written in the same step, since it was edited. */
  updateMedia(name: string, media: Media, request: WriteRequest = {}): Promise<Entry> {
    const content = onceReadable(media)
    return this.#writer.change(name, 'Update', request, async (stored) => {
      const version = await this.mediaVersion(name, request)
      if (stored.record.mediaType === undefined || version === undefined) throw noMedia()
      checkConditions(request, version)
      const source = entryIn(parseText(stored.record.xml))
      const terms = { ...sameTerms(stored.record, request.user), mediaType: media.type }
      return {
        build: this.#builder(source, terms),
        content,
        mediaTag: version.etag,
        mayRepeat: media.bytes !== undefined,
      }
    })
  }

  /** Removes an entry, and the media that it describes. The conditions are about the part that is named. */
  async remove(
    name: string,
    request: WriteRequest & { readonly part?: 'entry' | 'media' } = {},
  ): Promise<void> {
    await this.#writer.change(name, 'Delete', request, async (stored) => {
      const media = request.part === 'media' ? await this.mediaVersion(name, request) : undefined
      if (request.part === 'media' && media === undefined) throw noMedia()
      checkConditions(request, media ?? stored)
      return { build: () => stored.record, mediaTag: media?.etag }
    })
  }

  /** Of the media alone. */
  async mediaVersion(name: string, { signal }: CallOptions = {}): Promise<Version | undefined> {
    const media = await this.openMedia(name, { signal })
    await media?.stream[Symbol.asyncIterator]().return?.()
    return media
  }

  #builder(source: EntrySource, terms: Parameters<typeof recordOf>[1]) {
    return (replacement: EntrySource = source) => {
      checkCategories(replacement.categories, this.categories)
      return recordOf(replacement, terms)
    }
  }
}

async function ifThere<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading
  } catch (error) {
    if (isStorageError(error, 'E_NOT_FOUND')) return undefined
    throw error
  }
}

function noMedia(): Problem {
  return new Problem(404, 'There is no media here')
}

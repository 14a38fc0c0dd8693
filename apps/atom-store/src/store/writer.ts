import {
  type CallOptions,
  isStorageError,
  type PartPreconditions,
  type ResourceInfo,
  type Storage,
  UnitOfWork,
} from '@larder/storage-core'
import { type UnitSource } from '@larder/storage-core'
import {
  ENTRY_TYPE,
  type EntryRecord,
  type EntrySource,
  parseEntry,
  parseTextInPieces,
  recordCodec,
} from '../atom/index.js'
import { Problem } from '../problem.js'
import type { Conditions } from './conditions.js'
import { type Entry, writtenEntry } from './entry.js'
import type { Action, HookEvent, HookRunner } from './hooks.js'
import { type Media, onceReadable } from './media.js'
import { candidates, uniqueName } from './slug.js'

const ATTEMPTS = 10

export interface WriteRequest extends Conditions {
  /** Who asks. */
  readonly user?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/** Makes the record that is stored, of the client's entry or of one that a hook gives in its place. */
export type Build = (replacement?: EntrySource) => EntryRecord

/** What becomes of an entry that is stored. */
export interface Change {
  readonly build: Build
  /** The version of the media that this is about; undefined where the media does not matter. */
  readonly mediaTag?: string | undefined
  /** Media to be stored with it. */
  readonly content?: UnitSource | undefined
  /** False where the content can be read only once. */
  readonly mayRepeat?: boolean | undefined
}

/** What is written to. */
export interface Members {
  readonly name: string
  info(name: string): ResourceInfo
  read(name: string, options: CallOptions): Promise<Entry | undefined>
}

/** Writes the entries of one collection, each with its media in one step, and calls the hooks. */
export class Writer {
  readonly #storage: Storage
  readonly #members: Members
  readonly #hooks: HookRunner

  constructor(storage: Storage, members: Members, hooks: HookRunner) {
    this.#storage = storage
    this.#members = members
    this.#hooks = hooks
  }

  /** Under the first name that is free; a content that can be read only once gets one that surely is. */
  async create(
    slug: string,
    request: WriteRequest,
    mediaType: string,
    media: Media | undefined,
    build: Build,
  ): Promise<Entry> {
    const event = this.#event(undefined, mediaType, request, build())
    return this.#reported(event, async () => {
      const entry = await this.#before('Create', event, build)
      const content = media && onceReadable(media)
      for (const name of media?.stream === undefined ? candidates(slug) : [uniqueName(slug)]) {
        const done = { ...event, name, entry }
        const written = await this.#write('Create', done, { ifNoneMatch: '*' }, request, content)
        if (written !== undefined) return written
      }
      throw new Problem(409, 'No name is free for it')
    })
  }

  /**
   * Changes what is stored, as `plan` says. Where somebody else was faster it is planned anew with what is stored then,
   * and the plan fails if that is not what the client wants to replace.
   */
  async change(
    name: string,
    action: Exclude<Action, 'Create'>,
    request: WriteRequest,
    plan: (stored: Entry) => Promise<Change>,
  ): Promise<Entry> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const stored = await this.#members.read(name, { signal: request.signal })
      if (stored === undefined) throw new Problem(404, 'There is no such entry')
      const was = this.#event(name, stored.record.mediaType ?? ENTRY_TYPE, request, stored.record)
      const { build, content, mediaTag, mayRepeat = true } = await this.#reported(was, () => plan(stored))
      // Whatever is written of a resource, its entry is written with it. That the media is the same as well is asked all
      // the same: the two were read one after the other, and the second need not have been the newer one.
      const ifMatch = { metadata: stored.etag, ...(mediaTag !== undefined && { content: mediaTag }) }
      const given = build()
      const event = { ...was, mediaType: given.mediaType ?? ENTRY_TYPE, entry: given }
      const written = await this.#reported(event, async () => {
        const entry = await this.#before(action, event, build)
        return this.#write(action, { ...event, name, entry }, { ifMatch }, request, content)
      })
      if (written !== undefined) return written
      if (!mayRepeat) break
    }
    throw new Problem(409, 'Others are changing it: try again')
  }

  #before(action: Action, event: HookEvent, build: Build): Promise<EntryRecord> {
    return this.#hooks.before(action, event, (xml) => {
      try {
        return build(parseEntry(Buffer.from(xml)))
      } catch (cause) {
        throw new Problem(500, 'A hook gave an entry that cannot be stored', { cause })
      }
    })
  }

  /** Undefined where the precondition does not hold. */
  async #write(
    action: Action,
    event: HookEvent & { readonly name: string },
    preconditions: PartPreconditions,
    { signal }: CallOptions,
    content: UnitSource | undefined,
  ): Promise<Entry | undefined> {
    const { name, entry } = event
    // One entry that is not well-formed makes the whole feed unreadable.
    if (action !== 'Delete') await checkPublished(entry)
    const info = this.#members.info(name)
    // A hook that throws in the transaction undoes the write.
    const transaction = { beforeCommit: () => this.#hooks.after(action, event) }
    const options = { ...preconditions, transaction }
    const unit = new UnitOfWork()
    if (action === 'Delete') unit.remove(this.#storage, info, options)
    else unit.put(this.#storage, info, { metadata: recordCodec.encode(entry).bytes, content }, options)
    try {
      const [step] = await unit.commit(`${action} ${this.#members.name}/${name}`, { signal })
      return step && writtenEntry(name, entry, step.result)
    } catch (error) {
      if (isStorageError(error, 'E_PRECONDITION_FAILED')) return undefined
      throw error
    }
  }

  #event(name: string | undefined, mediaType: string, { user }: WriteRequest, entry: EntryRecord): HookEvent {
    return { collection: this.#members.name, name, mediaType, user, entry }
  }

  async #reported<T>(event: HookEvent, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      await this.#hooks.onError(event, error)
      throw error
    }
  }
}

async function checkPublished({ xml }: EntryRecord): Promise<void> {
  try {
    await parseTextInPieces(xml)
  } catch (cause) {
    throw new Problem(500, 'The entry would be published in XML that is not well-formed', { cause })
  }
}

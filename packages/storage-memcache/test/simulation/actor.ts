import { isStorageError, type ResourceInfo, type Storage } from '@larder/storage-core'
import type { HistoryRecorder } from '@larder/storage-core/testing'
import { asRole } from './coverage.js'
import type { Fate } from './faults.js'
import { WRITTEN } from './judge.js'
import type { SimProcess } from './scheduler.js'
import type { Scene } from './sim-server.js'
import { CallByCall } from './sim-transaction.js'
import type { WorldOptions } from './world.js'

/** What makes a content too large for one item of a world of small items. */
const PADDING = '.'.repeat(90)
/** What makes a content large enough for a near copy. */
const NEAR_PADDING = '.'.repeat(2_100)

const REMOVED_AMONG_OTHERS = 0.2

export interface ActorParts {
  readonly name: string
  /** Of the resources. */
  readonly names: readonly string[]
  readonly storage: Storage
  readonly history: HistoryRecorder
  readonly scene: Scene
  readonly options: WorldOptions
  readonly process: SimProcess
  /** How many writes its process has acknowledged without knowing that the cache is right. */
  readonly unconfirmed: () => number
}

/** A client: reads, writes, removes and lists at random, and writes down what it was told. */
export class Actor {
  readonly #it: ActorParts
  readonly #lastSeen = new Map<string, string>()

  constructor(parts: ActorParts) {
    this.#it = parts
  }

  async run(collection: string, fate: Fate): Promise<void> {
    const { name, options, process, scene } = this.#it
    for (let i = 0; i < options.operations && !process.isDead; i++) {
      await fate()
      const id = `${name}.${i}`
      await this.#act(collection, id).catch((error: unknown) => {
        scene.scheduler.note(`${id}: FAILED: ${String(error)}`)
        if (
          this.#texts(id).some((text) => scene.commits.has(text)) &&
          !process.isDead &&
          saysNothingWritten(error)
        )
          scene.findings.push({
            kind: WRITTEN,
            key: id,
            message: `${id} was committed, and rejected: ${String(error)}`,
          })
      })
    }
  }

  async #act(collection: string, id: string): Promise<void> {
    const { scheduler } = this.#it.scene
    const { read, write, remove } = this.#it.options.mix
    const info = this.#it.storage.info(collection, scheduler.pick(this.#it.names))
    const dice = scheduler.random()
    if (dice < read) return asRole('reader', () => this.#read(info, id))
    if (dice < read + write) {
      const isOfAll = scheduler.chance(this.#it.options.together)
      return asRole('writer', () => (isOfAll ? this.#writeAll(collection, id) : this.#put(info, id)))
    }
    if (dice < read + write + remove) return asRole('writer', () => this.#remove(info, id))
    return asRole('lister', () => this.#list(collection, id))
  }

  async #read(info: ResourceInfo, id: string): Promise<void> {
    const { history, scene, storage } = this.#it
    scene.scheduler.note(`${id}: READS ${info.resource}`)
    const found = await history.get(storage, info)
    if (found !== undefined) this.#lastSeen.set(info.resource ?? '', found.etag)
    const said =
      found === undefined ? 'missing' : `${textOf(found.bytes.toString())}, version ${found.version}`
    scene.scheduler.note(`${id}: READ: ${info.resource} is ${said}`)
  }

  async #put(info: ResourceInfo, id: string): Promise<void> {
    const { history, options, scene, storage } = this.#it
    const { scheduler } = scene
    const padding = options.nearCopies ? NEAR_PADDING : PADDING
    const text = scheduler.chance(options.largeContents) ? id + padding : id
    const condition = this.#condition(info)
    scheduler.note(`${id}: WRITES ${info.resource} ${JSON.stringify(condition)}`)
    const before = this.#it.unconfirmed()
    const { created, version } = await history.put(storage, info, text, condition)
    if (!created) scene.later.add(version)
    this.#told(version, before)
    scheduler.note(`${id}: WROTE ${info.resource}, version ${version}`)
  }

  /** Every resource, in one transaction: mostly written, sometimes removed. */
  async #writeAll(collection: string, id: string): Promise<void> {
    const { history, names, options, scene, storage } = this.#it
    const { scheduler } = scene
    const writes = names.map((name) => {
      const info = storage.info(collection, name)
      const text = scheduler.chance(REMOVED_AMONG_OTHERS) ? undefined : `${id}/${name}`
      return { info, text, ...this.#condition(info) }
    })
    scheduler.note(`${id}: WRITES ALL: ${writes.map(({ text }) => text ?? 'removal').join(' ')}`)
    const before = this.#it.unconfirmed()
    const through = options.callByCall ? new CallByCall(storage) : storage
    const results = await history.writeMany(through, writes)
    for (const { created, emptied, version } of results) {
      if (!created && !emptied) scene.later.add(version)
      this.#told(version, before)
    }
    scheduler.note(`${id}: WROTE ALL, versions ${results.map(({ version }) => version).join(' ')}`)
  }

  #condition({ resource = '' }: ResourceInfo): { ifMatch?: string; ifNoneMatch?: '*' } {
    if (!this.#it.scene.scheduler.chance(this.#it.options.conditions)) return {}
    const etag = this.#lastSeen.get(resource)
    return etag === undefined ? { ifNoneMatch: '*' } : { ifMatch: etag }
  }

  /** What an operation may have written. */
  #texts(id: string): string[] {
    return [id, id + PADDING, id + NEAR_PADDING, ...this.#it.names.map((name) => `${id}/${name}`)]
  }

  async #remove(info: ResourceInfo, id: string): Promise<void> {
    const { history, scene, storage } = this.#it
    scene.scheduler.note(`${id}: REMOVES ${info.resource}`)
    const before = this.#it.unconfirmed()
    const { version, changed } = await history.remove(storage, info)
    this.#told(version, before)
    scene.scheduler.note(`${id}: REMOVED ${info.resource}: ${changed ? `version ${version}` : 'was missing'}`)
  }

  async #list(collection: string, id: string): Promise<void> {
    const { history, scene, storage } = this.#it
    scene.scheduler.note(`${id}: LISTS`)
    const names = await history.list(storage, collection)
    scene.scheduler.note(`${id}: LISTED: ${[...names].join(' ') || 'nothing'}`)
  }

  #told(version: number, before: number): void {
    if (this.#it.unconfirmed() === before) return
    this.#it.scene.unconfirmed.add(version)
    this.#it.scene.scheduler.note(`version ${version} is UNCONFIRMED`)
  }
}

function textOf(content: string): string {
  return content.endsWith(PADDING) ? `${content.replace(/\.+$/, '')} (large)` : content
}

function saysNothingWritten(error: unknown): boolean {
  return !isStorageError(error, 'E_OUTCOME_UNKNOWN')
}

import type {
  ExistsOptions,
  Parts,
  ReadManyOptions,
  ResourceInfo,
  StoredPart,
  WriteOptions,
  WriteResult,
} from '@larder/storage-core'
import type { ListPage, PageOptions, Storage } from '@larder/storage-core'
import { ForwardingStorage } from '@larder/storage-core/testing'
import type { Scheduler, SimProcess } from './scheduler.js'

/** A database of the simulated world as one process sees it: it can be slow anywhere, and die with the process. */
export class SimStorage extends ForwardingStorage {
  readonly #scheduler: Scheduler
  readonly #process: SimProcess

  constructor(inner: Storage, scheduler: Scheduler, process: SimProcess) {
    super(inner)
    this.#scheduler = scheduler
    this.#process = process
  }

  override async getMany(
    infos: readonly ResourceInfo[],
    options?: ReadManyOptions,
  ): Promise<(StoredPart | undefined)[]> {
    await this.#step('db: read')
    const found = await super.getMany(infos, options)
    await this.#step('db: read answered')
    return found
  }

  override async exists(info: ResourceInfo, options?: ExistsOptions): Promise<boolean> {
    await this.#step('db: look')
    const exists = await super.exists(info, options)
    await this.#step('db: look answered')
    return exists
  }

  override async page(collection: string, options?: PageOptions): Promise<ListPage> {
    await this.#step('db: list')
    const page = await super.page(collection, options)
    await this.#step('db: list answered')
    return page
  }

  override put(info: ResourceInfo, parts: Parts, options?: WriteOptions): Promise<WriteResult> {
    return this.#write(options, (own) => super.put(info, parts, own))
  }

  override putContent(info: ResourceInfo, content: Uint8Array, options?: WriteOptions): Promise<WriteResult> {
    return this.#write(options, (own) => super.putContent(info, content, own))
  }

  override removeContent(info: ResourceInfo, options?: WriteOptions): Promise<WriteResult> {
    return this.#write(options, (own) => super.removeContent(info, own))
  }

  async #write(
    options: WriteOptions | undefined,
    write: (options: WriteOptions) => Promise<WriteResult>,
  ): Promise<WriteResult> {
    await this.#step('db: begin')
    const transaction = {
      journal: options?.transaction?.journal,
      beforeCommit: async (...args: Parameters<NonNullable<WriteOptions['transaction']>['beforeCommit']>) => {
        const terms = await this.#orDead(options?.transaction?.beforeCommit(...args))
        // A database rolls back what a process leaves open when it dies.
        await this.#orDead(this.#scheduler.step(`${this.#process.name}: db: commit`))
        if (this.#process.isDead || this.#scheduler.chance(0.05)) throw new Error('rolled back')
        return terms
      },
    }
    const written = await write({ ...options, transaction })
    await this.#step('db: commit answered')
    return written
  }

  #step(label: string): Promise<void> {
    return this.#scheduler.step(`${this.#process.name}: ${label}`, this.#process)
  }

  /** What is waited for with a row locked, or the end of the process if that comes first. */
  #orDead<T>(work: Promise<T> | undefined): Promise<T | undefined> {
    const rolledBack = this.#process.died.then(() => {
      throw new Error('rolled back: the process died')
    })
    return Promise.race([work ?? Promise.resolve(undefined), rolledBack])
  }
}

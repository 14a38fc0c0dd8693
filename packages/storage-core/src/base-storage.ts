import { Address } from './address.js'
import { checkArray, claimCall } from './call-arguments.js'
import { type CallGate, describeCall, describeCalls } from './call-gate.js'
import { CALL_OPTIONS, checkCallOptions, EXISTS_OPTIONS, READ_MANY_OPTIONS } from './call-options.js'
import type { StorageDriver } from './storage-driver.js'
import { NotFoundError, StorageError } from './errors.js'
import { type ListingCall, listingCall, nameBatches, pageCall, pageOf } from './listing-calls.js'
import { checkCollectionName, checkResourceName } from './names.js'
import { checkOptions, resolveOptions, wrongType } from './options/index.js'
import type { PartName, PartStream, ResourceInfo, StoredPart } from './resource.js'
import type {
  ByteSource,
  CallOptions,
  ExistsOptions,
  JournalRow,
  ListOptions,
  ListPage,
  PageOptions,
  PartsWriteOptions,
  PutArguments,
  ReadManyOptions,
  ResourceWrite,
  Storage,
  StorageFeatures,
  StorageTransaction,
  TransactionOptions,
  ClaimOptions,
  WriteOptions,
  WriteResult,
} from './storage.js'
import type { TransactionResult } from './transaction.js'
import { callChannel } from './tracing.js'
import { REMOVAL, WriteCalls } from './write-calls.js'

/** All calls of a storage on a driver but those that begin or join a transaction. */
export abstract class BaseStorage implements Storage {
  readonly #driver: StorageDriver
  readonly #gate: CallGate
  readonly #writes: WriteCalls
  #closing: Promise<void> | undefined

  /** `gate`: made by a subclass that has further calls of its own. */
  constructor(driver: StorageDriver, gate: CallGate) {
    this.#driver = driver
    this.#gate = gate
    this.#writes = new WriteCalls(driver, this.#gate, (info) => this.#ownResource(info))
  }

  get supports(): StorageFeatures {
    return this.#driver.supports
  }

  info(collection: string, resource?: string): ResourceInfo {
    checkCollectionName(collection)
    if (resource !== undefined) checkResourceName(resource)
    return new Address(this.#driver, collection, resource)
  }

  async createContainer(collection: string, options?: CallOptions): Promise<void> {
    checkCollectionName(collection)
    checkCallOptions('createContainer', CALL_OPTIONS, options)
    const described = describeCall('createContainer', collection)
    await this.#gate.run(options, (call) => this.#driver.createContainer(collection, call), described)
  }

  getContent(info: ResourceInfo, options?: CallOptions): Promise<StoredPart> {
    return this.#getPart(info, 'content', options)
  }

  getMetaData(info: ResourceInfo, options?: CallOptions): Promise<StoredPart> {
    return this.#getPart(info, 'metadata', options)
  }

  async getMany(
    infos: readonly ResourceInfo[],
    options: ReadManyOptions = {},
  ): Promise<(StoredPart | undefined)[]> {
    const { part } = resolveOptions('getMany', READ_MANY_OPTIONS, options)
    const own = checkArray(infos, 'infos').map((info) => this.#ownResource(info))
    return this.#gate.run(
      options,
      (call) => (own.length === 0 ? Promise.resolve([]) : this.#driver.read(own, part, call)),
      callChannel.hasSubscribers ? describeCalls('getMany', own) : undefined,
    )
  }

  async openContent(info: ResourceInfo, options?: CallOptions): Promise<PartStream> {
    const own = this.#ownResource(info)
    checkCallOptions('openContent', CALL_OPTIONS, options)
    const described = describeCall('openContent', own.collection, own.resource)
    const opened = await this.#gate.run(options, (call) => this.#driver.openContent(own, call), described)
    return opened ?? notFound(own, 'content')
  }

  putContent(info: ResourceInfo, content: ByteSource, options?: WriteOptions): Promise<WriteResult> {
    return this.#writes.write('putContent', info, { content }, options)
  }

  putMetaData(info: ResourceInfo, metadata: ByteSource, options?: WriteOptions): Promise<WriteResult> {
    return this.#writes.write('putMetaData', info, { metadata }, options)
  }

  async put(info: ResourceInfo, ...[parts, options]: PutArguments): Promise<WriteResult> {
    if (typeof parts !== 'object' || parts === null) throw wrongType('parts', 'an object of parts', parts)
    return this.#writes.write('put', info, parts, options)
  }

  removeContent(info: ResourceInfo, options?: WriteOptions): Promise<WriteResult> {
    return this.#writes.write('removeContent', info, REMOVAL.content, options)
  }

  removeMetaData(info: ResourceInfo, options?: WriteOptions): Promise<WriteResult> {
    return this.#writes.write('removeMetaData', info, REMOVAL.metadata, options)
  }

  remove(info: ResourceInfo, options?: PartsWriteOptions): Promise<WriteResult> {
    return this.#writes.write('remove', info, REMOVAL.both, options)
  }

  writeMany(writes: readonly ResourceWrite[], options?: CallOptions): Promise<WriteResult[]> {
    return this.#writes.writeMany(writes, options)
  }

  abstract transaction<T>(
    work: (tx: StorageTransaction) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<TransactionResult<T>>

  abstract within(manager: object): StorageTransaction

  async persist(infos: readonly ResourceInfo[], message?: string, options?: CallOptions): Promise<void> {
    const own = checkArray(infos, 'infos').map((info) => this.#own(info))
    checkCallOptions('persist', CALL_OPTIONS, options)
    if (message !== undefined && typeof message !== 'string') throw wrongType('message', 'text', message)
    const described = describeCall('persist', undefined, undefined, own.length)
    await this.#gate.run(options, async (call) => this.#driver.persist?.(own, message, call), described)
  }

  async exists(info: ResourceInfo, options: ExistsOptions = {}): Promise<boolean> {
    const { part } = resolveOptions('exists', EXISTS_OPTIONS, options)
    const own = this.#own(info)
    if (own.resource === undefined && part !== undefined) throw new TypeError('A collection has no parts')
    return this.#gate.run(
      options,
      (call) =>
        own.resource === undefined
          ? this.#driver.containerExists(own.collection, call)
          : this.#driver.exists(own, part, call),
      describeCall('exists', own.collection, own.resource),
    )
  }

  async ls(collection: string, ext?: string | ListOptions): Promise<Map<string, ResourceInfo>> {
    const call = listingCall(collection, ext)
    const described = describeCall('ls', collection)
    return callChannel.hasSubscribers ? this.#gate.watched(described, () => this.#ls(call)) : this.#ls(call)
  }

  ils(collection: string, ext?: string | ListOptions): AsyncIterable<[name: string, info: ResourceInfo]> {
    return this.#pairs(listingCall(collection, ext))
  }

  async page(collection: string, options: PageOptions = {}): Promise<ListPage> {
    const { listing, limit, after } = pageCall(collection, options)
    if (listing.order !== 'name')
      this.#require(
        'orderByModified',
        'cannot order by the time of the last write (a SqlStorage can with `orderByModified: true`)',
      )
    const found = await this.#gate.run(
      options,
      (call) => this.#driver.list({ ...listing, limit, after }, call),
      describeCall('page', collection),
    )
    return pageOf(this.#driver, listing, found)
  }

  async acknowledge(journalIds: readonly string[]): Promise<void> {
    const ids = checkArray(journalIds, 'journalIds')
    await this.#gate.run(undefined, async () => this.#driver.acknowledge?.(ids))
  }

  async claim(
    options: ClaimOptions,
    work: (rows: readonly JournalRow[]) => Promise<readonly string[]>,
  ): Promise<number> {
    const request = claimCall(options, work)
    if (options.external === true) {
      return this.#gate.run(
        options,
        async (call) => (await this.#driver.claimExternal?.(request.limit, work, call)) ?? 0,
      )
    }
    return this.#gate.run(options, async (call) => (await this.#driver.claim?.(request, work, call)) ?? 0)
  }

  onExternalChange(wake: () => void): () => void {
    if (typeof wake !== 'function') throw new TypeError('A function to call is needed')
    this.#gate.checkOpen()
    return this.#driver.onExternalChange?.(wake) ?? (() => undefined)
  }

  shutdown(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** The same as `shutdown`, by the name that it has in all other classes. */
  close(): Promise<void> {
    return this.shutdown()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown()
  }

  async #close(): Promise<void> {
    await this.#gate.close()
    await this.#driver.close()
  }

  #getPart(info: ResourceInfo, part: PartName, options: CallOptions | undefined): Promise<StoredPart> {
    return callChannel.hasSubscribers
      ? this.#watchPart(info, part, options)
      : this.#readPart(info, part, options)
  }

  async #watchPart(
    info: ResourceInfo,
    part: PartName,
    options: CallOptions | undefined,
  ): Promise<StoredPart> {
    const own = this.#ownResource(info)
    const described = describeCall(
      part === 'content' ? 'getContent' : 'getMetaData',
      own.collection,
      own.resource,
    )
    return this.#gate.watched(described, () => this.#readPart(own, part, options))
  }

  async #readPart(info: ResourceInfo, part: PartName, options: CallOptions | undefined): Promise<StoredPart> {
    const own = this.#ownResource(info)
    if (options !== undefined)
      checkOptions(part === 'content' ? 'getContent' : 'getMetaData', CALL_OPTIONS, options)
    // The hot path of every cache: not a promise more than it takes.
    const call = this.#gate.enter(options)
    try {
      const driver = this.#driver
      const stored =
        driver.readOne === undefined
          ? (await driver.read([own], part, call))[0]
          : await driver.readOne(own, part, call)
      return stored ?? notFound(own, part)
    } finally {
      this.#gate.leave()
    }
  }

  #require(feature: keyof StorageFeatures, complaint: string): void {
    if (!this.#driver.supports[feature]) throw new StorageError('E_UNSUPPORTED', `This storage ${complaint}`)
  }

  async #ls(call: ListingCall): Promise<Map<string, ResourceInfo>> {
    const members = new Map<string, ResourceInfo>()
    for await (const names of nameBatches(this.#driver, this.#gate, call)) {
      for (const name of names) members.set(name, new Address(this.#driver, call.collection, name))
    }
    return members
  }

  async *#pairs(call: ListingCall): AsyncGenerator<[name: string, info: ResourceInfo], void, undefined> {
    const described = describeCall('ils', call.collection)
    for await (const names of nameBatches(this.#driver, this.#gate, call, described)) {
      for (const name of names) yield [name, new Address(this.#driver, call.collection, name)]
    }
  }

  #own(info: ResourceInfo): ResourceInfo {
    if (info instanceof Address && info.isOf(this.#driver)) return info
    if (typeof info !== 'object' || info === null) throw new TypeError('An info made by info() is needed')
    return this.info(info.collection, info.resource)
  }

  #ownResource(info: ResourceInfo): ResourceInfo {
    const own = this.#own(info)
    if (own.resource === undefined) {
      throw new TypeError(
        `This info is of the collection ${JSON.stringify(own.collection)}, not of a resource in it`,
      )
    }
    return own
  }
}

function notFound(info: ResourceInfo, part: PartName): never {
  const where = `${JSON.stringify(info.resource)} in the collection ${JSON.stringify(info.collection)}`
  throw new NotFoundError(`There is no ${part} of ${where}`, { key: info.key })
}

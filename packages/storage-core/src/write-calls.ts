import { type CheckedSource, checkSource, collect } from './bytes.js'
import { checkArray } from './call-arguments.js'
import { type CallGate, describeCall, describeCalls } from './call-gate.js'
import {
  CALL_OPTIONS,
  checkCallOptions,
  PART_OPTIONS,
  RESOURCE_WRITE_OPTIONS,
  WRITE_OPTIONS,
} from './call-options.js'
import type { DriverCall, PartChange, StorageDriver, WriteRequest } from './storage-driver.js'
import { StorageError } from './errors.js'
import { isInFlowOf } from './flow.js'
import { checkOptions } from './options/index.js'
import { assertConditions, conditionsOf } from './preconditions.js'
import { PART_NAMES, type PartName, type ResourceInfo } from './resource.js'
import { hearSource, type SourceStream } from './sources/index.js'
import type {
  ByteSource,
  CallOptions,
  Preconditions,
  ResourceWrite,
  StorageFeatures,
  WriteOptions,
  WriteResult,
} from './storage.js'
import type { TransactionHook } from './transaction.js'

const REMOVE = Symbol('remove')

/** What parts are to become. Those that are not there stay as they are. */
export type PartSources = { readonly [part in PartName]?: ByteSource | typeof REMOVE | undefined }

export const REMOVAL = Object.freeze({
  content: Object.freeze({ content: REMOVE }),
  metadata: Object.freeze({ metadata: REMOVE }),
  both: Object.freeze({ content: REMOVE, metadata: REMOVE }),
} satisfies Record<string, PartSources>)

type CheckedChange = CheckedSource | 'remove'

/** A request whose sources may still have to be read. */
interface CheckedWrite extends Omit<WriteRequest, 'changes'> {
  readonly parts: readonly (readonly [PartName, CheckedChange])[]
}

/** The writing calls of a `DrivenStorage`. All is checked before anything is sent, and no stream is read afterwards. */
export class WriteCalls {
  readonly #driver: StorageDriver
  readonly #gate: CallGate
  readonly #ownResource: (info: ResourceInfo) => ResourceInfo

  constructor(driver: StorageDriver, gate: CallGate, ownResource: (info: ResourceInfo) => ResourceInfo) {
    this.#driver = driver
    this.#gate = gate
    this.#ownResource = ownResource
  }

  async write(
    operation: string,
    info: ResourceInfo,
    sources: PartSources,
    options: WriteOptions = {},
  ): Promise<WriteResult> {
    hearAll([sources])
    checkWriteNames(operation, sources, options)
    this.#checkFlow()
    const own = this.#ownResource(info)
    const checked = this.#checked(own, sources, options, options)
    return this.#readWithin([checked], () =>
      this.#gate.run(
        options,
        async (call) => this.#driver.write(await this.#settled(checked, call), call),
        describeCall(operation, own.collection, own.resource),
      ),
    )
  }

  async writeMany(writes: readonly ResourceWrite[], options?: CallOptions): Promise<WriteResult[]> {
    const given = checkArray(writes, 'writes').map(sourcesOfWrite)
    hearAll(given)
    checkCallOptions('writeMany', CALL_OPTIONS, options)
    this.#checkFlow()
    const checked = writes.map((write, i) => {
      checkOptions('writeMany', RESOURCE_WRITE_OPTIONS, write)
      const { transaction } = write
      return this.#checked(this.#ownResource(write.info), given[i] ?? {}, write, { ...options, transaction })
    })
    const owns = checked.map(({ info }) => info)
    checkDistinct(owns)
    this.#require('atomicMany', 'cannot write several resources in one step')
    return this.#readWithin(checked, () =>
      this.#gate.run(options, (call) => this.#writeMany(checked, call), describeCalls('writeMany', owns)),
    )
  }

  async #writeMany(checked: readonly CheckedWrite[], call: DriverCall): Promise<WriteResult[]> {
    const requests: WriteRequest[] = []
    for (const each of checked) requests.push(await this.#settled(each, call))
    if (requests.length === 0 || this.#driver.writeMany === undefined) return []
    return this.#driver.writeMany(requests, call)
  }

  #checked(
    info: ResourceInfo,
    sources: PartSources,
    preconditions: Preconditions,
    { transaction: hook, signal }: Pick<WriteOptions, 'transaction' | 'signal'>,
  ): CheckedWrite {
    const named = PART_NAMES.filter((part) => sources[part] !== undefined)
    if (named.length === 0) throw new TypeError('A write needs content, metadata or both')
    const conditions = conditionsOf(preconditions, named)
    if (named.length > 1) this.#require('atomicParts', 'cannot write both parts in one step')
    const transaction = hook === undefined ? undefined : this.#hookOf(hook)
    const parts = named.map((part) => [part, changeOf(sources[part], signal)] as const)
    return { info, conditions, transaction, parts }
  }

  /** A driver without streams gets the bytes. */
  async #settled({ parts, ...request }: CheckedWrite, call: DriverCall): Promise<WriteRequest> {
    const { streams } = this.#driver.supports
    if (!streams && streamsOf(parts).length > 0) await this.#judgeEarly(request, call)
    const changes: { [part in PartName]?: PartChange } = {}
    for (const [part, change] of parts) {
      const isCollected = !streams && typeof change === 'object' && 'stream' in change
      changes[part] = isCollected ? { bytes: await collect(change.stream) } : change
    }
    return { ...request, changes }
  }

  /** The driver decides; but a stream need not be read to its end for what cannot come to be. */
  async #judgeEarly(
    { info, conditions }: Pick<WriteRequest, 'info' | 'conditions'>,
    call: DriverCall,
  ): Promise<void> {
    const versions: { [part in PartName]?: number | undefined } = {}
    for (const part of PART_NAMES) {
      if (conditions[part] === undefined) continue
      const [found] = await this.#driver.read([info], part, call)
      versions[part] = found?.version
    }
    assertConditions(info, conditions, (part) => versions[part])
  }

  /** Nothing is taken from the caller's streams once the write has ended, or the transaction that it is part of. */
  async #readWithin<T>(checked: readonly CheckedWrite[], work: () => Promise<T>): Promise<T> {
    const streams = checked.flatMap(({ parts }) => streamsOf(parts))
    if (streams.length === 0) return work()
    const stop = (reason?: unknown): void => streams.forEach((stream) => stream.stop(reason))
    const release = this.#gate.onCut(stop)
    try {
      return await work()
    } finally {
      release()
      stop()
    }
  }

  #hookOf(hook: TransactionHook): TransactionHook {
    this.#require('transactions', 'has no transactions to take part in')
    return this.#gate.guarded(hook)
  }

  /** A write beside an open transaction of its own caller waits for it, or stays when that is rolled back. */
  #checkFlow(): void {
    if (!isInFlowOf(this.#driver)) return
    const message =
      'A transaction of this storage is open here: write through the storage that it gave (tx), or bind one to the ' +
      "program's own transaction with within(manager). A write on the storage itself would wait for the transaction, " +
      'or stay when that is rolled back'
    throw new StorageError('E_UNSUPPORTED', message)
  }

  #require(feature: keyof StorageFeatures, complaint: string): void {
    if (!this.#driver.supports[feature]) throw new StorageError('E_UNSUPPORTED', `This storage ${complaint}`)
  }
}

/** Throws `TypeError` for a part or an option that there is not: a condition must not get lost with its name. */
export function checkWriteNames(operation: string, parts: object, options: object): void {
  checkOptions(operation, PART_OPTIONS, parts)
  checkOptions(operation, WRITE_OPTIONS, options)
}

function sourcesOfWrite(write: Partial<ResourceWrite> | null | undefined): PartSources {
  const { content, metadata } = write ?? {}
  return {
    content: content === null ? REMOVE : content,
    metadata: metadata === null ? REMOVE : metadata,
  }
}

/** Throws `TypeError` for what is no source of bytes. */
function changeOf(
  source: ByteSource | typeof REMOVE | undefined,
  signal: AbortSignal | undefined,
): CheckedChange {
  if (source === REMOVE) return 'remove'
  return checkSource(source as ByteSource, signal)
}

function streamsOf(parts: CheckedWrite['parts']): SourceStream[] {
  return parts.flatMap(([, change]) =>
    typeof change === 'object' && 'stream' in change ? [change.stream] : [],
  )
}

function checkDistinct(infos: readonly ResourceInfo[]): void {
  const seen = new Set<string>()
  for (const { collection, resource } of infos) {
    const name = JSON.stringify([collection, resource])
    if (seen.has(name)) throw new TypeError(`Several writes name the resource ${name}`)
    seen.add(name)
  }
}

/** Also where an argument is refused before the streams are looked at. */
function hearAll(given: readonly PartSources[]): void {
  for (const sources of given) for (const part of PART_NAMES) hearSource(sources[part])
}

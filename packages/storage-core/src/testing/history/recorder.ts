import type { StorageErrorCode } from '../../error-codes.js'
import { isStorageError } from '../../errors.js'
import type { ResourceInfo, StoredPart } from '../../resource.js'
import type { Preconditions, Storage, WriteOptions, WriteResult } from '../../storage.js'
import { checkListings } from './check-listings.js'
import { checkRegisters } from './check-registers.js'
import { checkTogether } from './check-together.js'
import type { CollectionOperation, RegisterOperation, Violation } from './operations.js'

/** Rejections that say for sure that nothing was written. */
const HARMLESS: readonly StorageErrorCode[] = [
  'E_ABORTED',
  'E_CLOSED',
  'E_CONFLICT',
  'E_LOCK_TIMEOUT',
  'E_OVERLOADED',
  'E_PRECONDITION_FAILED',
  'E_TOO_LARGE',
  'E_UNSUPPORTED',
]

/**
 * Does things to storages and writes down what they answered and when, for the checkers. The content of resources is
 * the registers; each write should put another text. Resources must have no metadata, so that being listed and having
 * content are the same.
 */
export class HistoryRecorder {
  readonly registers: RegisterOperation[] = []
  readonly collections: CollectionOperation[] = []
  readonly #now: () => number
  #units = 0

  /** `now` must be one clock for all histories that are judged together. Default: a counter of this recorder's. */
  constructor(now?: () => number) {
    let ticks = 0
    this.#now = now ?? (() => ++ticks)
  }

  async put(
    storage: Storage,
    info: ResourceInfo,
    text: string,
    options?: WriteOptions,
  ): Promise<WriteResult> {
    return this.#write(info, text, () => storage.putContent(info, text, options))
  }

  async remove(storage: Storage, info: ResourceInfo, options?: WriteOptions): Promise<WriteResult> {
    return this.#write(info, undefined, () => storage.removeContent(info, options))
  }

  /** Puts texts, or removes where there is none, in one step. */
  async writeMany(
    storage: Storage,
    writes: readonly (Preconditions & { readonly info: ResourceInfo; readonly text: string | undefined })[],
  ): Promise<WriteResult[]> {
    const unit = ++this.#units
    const given = writes.map(({ text, ...write }) => ({ ...write, content: text ?? null }))
    const record = (start: number, end: number | undefined, results: readonly WriteResult[] = []) => {
      for (const [i, { info, text }] of writes.entries())
        this.#record(info, text, start, end, results[i], unit)
    }
    return this.#recorded(() => storage.writeMany(given), record)
  }

  async get(storage: Storage, info: ResourceInfo): Promise<StoredPart | undefined> {
    const start = this.#now()
    const part = await storage.getContent(info).catch(ifMissing)
    const read = { value: part?.bytes.toString(), version: part?.version }
    this.registers.push({ kind: 'read', key: nameOf(info), start, end: this.#now(), ...read })
    return part
  }

  async list(storage: Storage, collection: string): Promise<ReadonlySet<string>> {
    const start = this.#now()
    const names = new Set((await storage.ls(collection)).keys())
    this.collections.push({ kind: 'list', collection, start, end: this.#now(), names })
    return names
  }

  /** Everything that is wrong with what was recorded. */
  violations(): readonly Violation[] {
    return [
      ...checkRegisters(this.registers),
      ...checkTogether(this.registers),
      ...checkListings(this.collections),
    ]
  }

  #write(
    info: ResourceInfo,
    value: string | undefined,
    work: () => Promise<WriteResult>,
  ): Promise<WriteResult> {
    return this.#recorded(work, (start, end, result) => this.#record(info, value, start, end, result))
  }

  /** `record` is given no end and no result where it is not known whether the write happened. */
  async #recorded<T>(
    work: () => Promise<T>,
    record: (start: number, end: number | undefined, result: T | undefined) => void,
  ): Promise<T> {
    const start = this.#now()
    try {
      const result = await work()
      record(start, this.#now(), result)
      return result
    } catch (error) {
      const happened = !(error instanceof TypeError || error instanceof RangeError || isHarmless(error))
      if (happened) record(start, undefined, undefined)
      throw error
    }
  }

  #record(
    info: ResourceInfo,
    value: string | undefined,
    start: number,
    end: number | undefined,
    result: WriteResult | undefined,
    unit?: number,
  ): void {
    const key = nameOf(info)
    if (end !== undefined && result?.changed === false) {
      this.registers.push({ kind: 'read', key, start, end, value: undefined, version: undefined })
      return
    }
    const version = result?.version
    const write = { kind: 'write', key, start, end, value, version } as const
    this.registers.push(unit === undefined ? write : { ...write, unit })
    const { collection, resource = '' } = info
    const kind = value === undefined ? 'remove' : 'add'
    this.collections.push({ kind, collection, name: resource, start, end, version })
  }
}

function nameOf({ collection, resource }: ResourceInfo): string {
  return JSON.stringify([collection, resource])
}

function isHarmless(error: unknown): boolean {
  return isStorageError(error) && HARMLESS.includes(error.code)
}

function ifMissing(error: unknown): undefined {
  if (!isStorageError(error, 'E_NOT_FOUND')) throw error
}

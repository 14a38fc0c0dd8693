import { checkSource } from './bytes.js'
import { conditionsOf } from './preconditions.js'
import { PART_NAMES, type PartName, type ResourceInfo } from './resource.js'
import type { CallOptions, OnePart, PartsWriteOptions, Storage, WriteOptions } from './storage.js'
import {
  apply,
  applyAll,
  nameOf,
  ORDER,
  type Queued,
  rankOf,
  type UnitSource,
  type UnitStep,
} from './unit-steps.js'
import { checkWriteNames } from './write-calls.js'

export type { UnitSource, UnitStep }

/** What `UnitOfWork.put` queues. */
export interface UnitParts {
  readonly content?: UnitSource | undefined
  readonly metadata?: UnitSource | undefined
}

/** Preconditions and a hook, as of the write that is queued. */
export type UnitWriteOptions = Omit<WriteOptions, 'signal'>

/** The same of a write of both parts. */
export type UnitPartsOptions = Omit<PartsWriteOptions, 'signal'>

/** What `UnitOfWork.put` takes behind the info. */
export type UnitPutArguments =
  | [parts: OnePart<UnitSource>, options?: UnitWriteOptions | undefined]
  | [parts: UnitParts, options?: UnitPartsOptions | undefined]

/** What `UnitOfWork.remove` can be told; `parts` are both by default. */
export type UnitRemoveOptions =
  | (UnitWriteOptions & { readonly parts: readonly [PartName] })
  | (UnitPartsOptions & { readonly parts?: readonly PartName[] | undefined })

/**
 * Queues writes of one or more storages until `commit()`. Nothing is sent before.
 *
 * What one storage with `supports.atomicMany` is to write happens in one transaction: all of it or nothing. Of other
 * storages each resource is a transaction of its own, with both parts in it where the storage has `atomicParts` and one
 * call named them both. What a failed commit has written stays; the next `commit()` continues with what is missing.
 */
export class UnitOfWork {
  #queue: Queued[] = []
  /** What is in the queue, by storage and resource. */
  #earlier = new Map<Storage, Map<string, Queued[]>>()
  #committing = false

  /** How many resources have something queued, done or not. */
  get size(): number {
    return [...touched(this.#left()).values()].reduce((sum, infos) => sum + infos.length, 0)
  }

  /** Queues parts to be written. Of several calls about one part, the last one counts. */
  put(storage: Storage, info: ResourceInfo, ...[parts, options = {}]: UnitPutArguments): void {
    checkWriteNames('put', parts, options)
    const sources = new Map<PartName, UnitSource>()
    for (const part of PART_NAMES) {
      const source = parts[part]
      if (source !== undefined) sources.set(part, checkUnitSource(source))
    }
    if (sources.size === 0) throw new TypeError('put needs content, metadata or both')
    this.#add({ storage, info, kind: 'put', sources }, options)
  }

  /** Queues the removal of both parts, or of those that are named. */
  remove(
    storage: Storage,
    info: ResourceInfo,
    { parts = PART_NAMES, ...rest }: UnitRemoveOptions = {},
  ): void {
    if (parts.length === 0 || !parts.every((part) => PART_NAMES.includes(part)))
      throw new TypeError(`parts must name some of ${PART_NAMES.join(', ')}`)
    checkWriteNames('remove', {}, rest)
    const sources = new Map<PartName, undefined>(parts.map((part) => [part, undefined]))
    this.#add({ storage, info, kind: 'remove', sources }, rest)
  }

  /** Forgets what is queued. */
  clear(): void {
    this.#checkIdle()
    this.#forget()
  }

  /**
   * Applies what is queued: removals of metadata, of contents, writes of metadata, of contents, then `persist` once for
   * each storage with all that was touched. Resolves to the writes in their order, and the queue is empty. Rejects with
   * the first error, and the queue stays: another `commit()` makes the writes that are missing, not those that were
   * made. A write that rejected with `E_OUTCOME_UNKNOWN` counts as missing.
   *
   * A transaction of several resources comes where the first of its writes would; what several calls ask of a resource
   * in it must hold before it, and the hooks of all are called.
   */
  async commit(message?: string, options: CallOptions = {}): Promise<readonly UnitStep[]> {
    this.#checkIdle()
    this.#committing = true
    this.#queue = this.#left()
    try {
      for (const [kind, part] of ORDER) {
        for (const queued of this.#queue) {
          if (queued.kind !== kind || !queued.sources.has(part)) continue
          const isAlone = this.#queue.every((other) => other === queued || other.storage !== queued.storage)
          const { atomicMany, atomicParts } = queued.storage.supports
          if (atomicMany && atomicParts && !isAlone) await applyAll(this.#queue, queued.storage, options)
          else await apply(queued, part, options)
        }
      }
      const steps = inOrder(this.#queue)
      for (const [storage, infos] of touched(this.#queue)) await storage.persist(infos, message, options)
      this.#forget()
      return steps
    } finally {
      this.#committing = false
    }
  }

  #add(
    given: Pick<Queued, 'storage' | 'info' | 'kind' | 'sources'>,
    { transaction, ...preconditions }: UnitWriteOptions,
  ): void {
    this.#checkIdle()
    const { storage, info, sources } = given
    if ('signal' in preconditions) throw new TypeError('It is commit() that takes a signal')
    const asked = conditionsOf(preconditions, [...sources.keys()])
    const conditions = new Map(PART_NAMES.flatMap((part) => (asked[part] ? [[part, asked[part]]] : [])))
    if (info.resource === undefined) throw new TypeError('An info of a resource is needed')
    const own = storage.info(info.collection, info.resource)
    const queued = { ...given, info: own, conditions, transaction, done: [] }
    const names = this.#earlier.get(storage) ?? new Map<string, Queued[]>()
    const name = nameOf(own)
    const earlier = names.get(name) ?? []
    for (const each of earlier) for (const part of sources.keys()) overtake(each, part)
    this.#earlier.set(storage, names.set(name, [...earlier.filter((each) => !isOvertaken(each)), queued]))
    this.#queue.push(queued)
  }

  /** Without what later calls have overtaken. */
  #left(): Queued[] {
    return this.#queue.filter((queued) => !isOvertaken(queued))
  }

  #forget(): void {
    this.#queue = []
    this.#earlier.clear()
  }

  #checkIdle(): void {
    if (this.#committing) throw new TypeError('This unit of work is being committed')
  }
}

/** What was asked of a part goes with what was to become of it. */
function overtake({ sources, conditions }: Queued, part: PartName): void {
  if (sources.delete(part)) conditions.delete(part)
}

function isOvertaken({ sources, done }: Queued): boolean {
  return sources.size === 0 && done.length === 0
}

function checkUnitSource(source: UnitSource): UnitSource {
  if (typeof source === 'function') return source
  if (typeof source === 'string' || source instanceof Uint8Array) {
    checkSource(source)
    return source
  }
  // It could be read only once, and a commit can be tried again.
  throw new TypeError('A unit of work takes bytes, a string, or a function that gives a stream')
}

function inOrder(queue: readonly Queued[]): UnitStep[] {
  const steps = queue.flatMap(({ done }) => done)
  return steps.sort((a, b) => rankOf(a.kind, a.parts) - rankOf(b.kind, b.parts))
}

function touched(queue: readonly Queued[]): Map<Storage, ResourceInfo[]> {
  const infos = new Map<Storage, Map<string, ResourceInfo>>()
  for (const { storage, info } of queue) {
    const own = infos.get(storage) ?? new Map<string, ResourceInfo>()
    infos.set(storage, own.set(nameOf(info), info))
  }
  return new Map([...infos].map(([storage, own]) => [storage, [...own.values()]]))
}

import { checkSource } from './bytes.js'
import { PART_NAMES, type PartName, type ResourceInfo } from './resource.js'
import type { ByteSource, CallOptions, Match, Storage, WriteOptions, WriteResult } from './storage.js'
import { checkWriteNames } from './write-calls.js'

/** Bytes or text, or a function that gives them, or a stream of them, anew at every attempt. */
export type UnitSource = Uint8Array | string | (() => ByteSource)

/** What `UnitOfWork.put` queues. */
export interface UnitParts {
  readonly content?: UnitSource | undefined
  readonly metadata?: UnitSource | undefined
}

/** Preconditions and a hook, as of the write that is queued. */
export type UnitWriteOptions = Omit<WriteOptions, 'signal'>

/** A write that a commit has made. */
export interface UnitStep {
  readonly storage: Storage
  readonly info: ResourceInfo
  readonly kind: 'put' | 'remove'
  readonly parts: readonly PartName[]
  readonly result: WriteResult
}

interface Queued {
  readonly storage: Storage
  readonly info: ResourceInfo
  readonly kind: 'put' | 'remove'
  /** What is left to do. What is removed has no source. */
  readonly sources: Map<PartName, UnitSource | undefined>
  readonly options: UnitWriteOptions
  readonly done: UnitStep[]
}

/** In which order a commit goes: what is described last is described by what is stored first. */
const ORDER: readonly (readonly [Queued['kind'], PartName])[] = Object.freeze([
  ['remove', 'metadata'],
  ['remove', 'content'],
  ['put', 'metadata'],
  ['put', 'content'],
])

/**
 * Queues writes of one or more storages until `commit()`. Nothing is sent before.
 *
 * No storage commits several resources in one transaction: each resource is a transaction of its own, with both parts
 * in it where the storage has `atomicParts` and one call named them both. What a failed commit has written stays; the
 * next `commit()` goes on with what is missing.
 */
export class UnitOfWork {
  #queue: Queued[] = []
  #committing = false

  /** How many resources have something queued, done or not. */
  get size(): number {
    return [...touched(this.#queue).values()].reduce((sum, infos) => sum + infos.length, 0)
  }

  /** Queues parts to be written. Of several calls about one part, the last one counts. */
  put(storage: Storage, info: ResourceInfo, parts: UnitParts, options: UnitWriteOptions = {}): void {
    checkWriteNames('put', parts, options)
    const sources = new Map<PartName, UnitSource>()
    for (const part of PART_NAMES) {
      const source = parts[part]
      if (source !== undefined) sources.set(part, checkUnitSource(source))
    }
    if (sources.size === 0) throw new TypeError('put needs content, metadata or both')
    this.#add({ storage, info, kind: 'put', sources, options, done: [] })
  }

  /** Queues the removal of both parts, or of those that are named. */
  remove(
    storage: Storage,
    info: ResourceInfo,
    options: UnitWriteOptions & { readonly parts?: readonly PartName[] | undefined } = {},
  ): void {
    const { parts = PART_NAMES, ...rest } = options
    if (parts.length === 0 || !parts.every((part) => PART_NAMES.includes(part)))
      throw new TypeError(`parts must name some of ${PART_NAMES.join(', ')}`)
    checkWriteNames('remove', {}, rest)
    const sources = new Map<PartName, undefined>(parts.map((part) => [part, undefined]))
    this.#add({ storage, info, kind: 'remove', sources, options: rest, done: [] })
  }

  /** Forgets what is queued. */
  clear(): void {
    this.#checkIdle()
    this.#queue = []
  }

  /**
   * Applies what is queued: removals of metadata, of contents, writes of metadata, of contents, then `persist` once for
   * each storage with all that was touched. Resolves to the writes in their order, and the queue is empty. Rejects with
   * the first error, and the queue stays: another `commit()` makes the writes that are missing, not those that were
   * made. A write that rejected with `E_OUTCOME_UNKNOWN` counts as missing.
   */
  async commit(message?: string, options: CallOptions = {}): Promise<readonly UnitStep[]> {
    this.#checkIdle()
    this.#committing = true
    try {
      for (const [kind, part] of ORDER) {
        for (const queued of this.#queue) {
          if (queued.kind === kind && queued.sources.has(part)) await apply(queued, part, options)
        }
      }
      const steps = inOrder(this.#queue)
      for (const [storage, infos] of touched(this.#queue)) await storage.persist(infos, message, options)
      this.#queue = []
      return steps
    } finally {
      this.#committing = false
    }
  }

  #add(given: Queued): void {
    this.#checkIdle()
    const { storage, info, sources } = given
    if (info.resource === undefined) throw new TypeError('An info of a resource is needed')
    const own = storage.info(info.collection, info.resource)
    for (const earlier of this.#queue) {
      if (earlier.storage !== storage || earlier.info.key !== own.key) continue
      for (const part of sources.keys()) earlier.sources.delete(part)
    }
    this.#queue = this.#queue.filter(({ sources: left, done }) => left.size > 0 || done.length > 0)
    this.#queue.push({ ...given, info: own })
  }

  #checkIdle(): void {
    if (this.#committing) throw new TypeError('This unit of work is being committed')
  }
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

/** Writes this part, and the other one with it where that is one step. */
async function apply(queued: Queued, part: PartName, { signal }: CallOptions): Promise<void> {
  const { storage, info, kind, sources } = queued
  const both = sources.size > 1 && storage.supports.atomicParts
  const parts = both ? PART_NAMES : [part]
  const options = { ...queued.options, ifMatch: matchOf(queued.options.ifMatch, parts), signal }
  let result: WriteResult
  if (kind === 'put') {
    const given = parts.map((each) => [each, sourceOf(sources.get(each))] as const)
    result = await storage.put(info, Object.fromEntries(given), options)
  } else if (both) result = await storage.remove(info, options)
  else if (part === 'content') result = await storage.removeContent(info, options)
  else result = await storage.removeMetaData(info, options)
  for (const each of parts) sources.delete(each)
  queued.done.push({ storage, info, kind, parts, result })
}

function sourceOf(source: UnitSource | undefined): ByteSource | undefined {
  return typeof source === 'function' ? source() : source
}

/** Conditions on parts that this step does not write belong to another one. */
function matchOf(match: Match | undefined, parts: readonly PartName[]): Match | undefined {
  if (match === undefined || typeof match === 'string') return match
  const own = parts.flatMap((part) => (match[part] === undefined ? [] : [[part, match[part]] as const]))
  return own.length === 0 ? undefined : Object.fromEntries(own)
}

function inOrder(queue: readonly Queued[]): UnitStep[] {
  const steps = queue.flatMap(({ done }) => done)
  const rank = ({ kind, parts }: UnitStep): number =>
    ORDER.findIndex(([eachKind, part]) => eachKind === kind && parts.includes(part))
  return steps.sort((a, b) => rank(a) - rank(b))
}

function touched(queue: readonly Queued[]): Map<Storage, ResourceInfo[]> {
  const infos = new Map<Storage, Map<string, ResourceInfo>>()
  for (const { storage, info } of queue) {
    const own = infos.get(storage) ?? new Map<string, ResourceInfo>()
    infos.set(storage, own.set(info.key, info))
  }
  return new Map([...infos].map(([storage, own]) => [storage, [...own.values()]]))
}

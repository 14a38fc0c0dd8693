import type { PartCondition } from './storage-driver.js'
import { preconditionsOf } from './preconditions.js'
import { PART_NAMES, type PartName, type ResourceInfo } from './resource.js'
import type { ByteSource, ByteStream, CallOptions, ResourceWrite, Storage, WriteResult } from './storage.js'
import type { CommitTerms, PendingWrite, TransactionHook } from './transaction.js'

/** Bytes or text, or a function that gives them, or opens a stream of them, anew at every attempt. */
export type UnitSource = Exclude<ByteSource, ByteStream>

/** A write that a commit has made. */
export interface UnitStep {
  readonly storage: Storage
  readonly info: ResourceInfo
  readonly kind: 'put' | 'remove'
  readonly parts: readonly PartName[]
  readonly result: WriteResult
}

/** A call that waits for its commit, or has had a part of it. */
export interface Queued {
  readonly storage: Storage
  readonly info: ResourceInfo
  readonly kind: 'put' | 'remove'
  /** What is left to do. What is removed has no source. */
  readonly sources: Map<PartName, UnitSource | undefined>
  /** Of these parts and of others, as they must be before the commit. */
  readonly conditions: Map<PartName, PartCondition>
  readonly transaction: TransactionHook | undefined
  readonly done: UnitStep[]
}

/** In which order a commit goes: what is described last is described by what is stored first. */
export const ORDER: readonly (readonly [Queued['kind'], PartName])[] = Object.freeze([
  ['remove', 'metadata'],
  ['remove', 'content'],
  ['put', 'metadata'],
  ['put', 'content'],
])

/** Writes this part, and the other one with it where that is one step. */
export async function apply(queued: Queued, part: PartName, { signal }: CallOptions): Promise<void> {
  const { storage, info, kind, sources, conditions, transaction, done } = queued
  const both = sources.size > 1 && storage.supports.atomicParts
  const parts = both ? PART_NAMES : [part]
  // Conditions on parts that another step of this call writes belong to that one.
  const isElsewhere = (each: PartName) =>
    !parts.includes(each) && (sources.has(each) || done.some((step) => step.parts.includes(each)))
  const own = Object.fromEntries(
    PART_NAMES.filter((each) => !isElsewhere(each)).map((each) => [each, conditions.get(each)]),
  )
  const options = { ...preconditionsOf(own), transaction, signal }
  let result: WriteResult
  if (kind === 'put') {
    const given = parts.map((each) => [each, sources.get(each)] as const)
    result = await storage.put(info, Object.fromEntries(given), options)
  } else if (both) result = await storage.remove(info, options)
  else if (part === 'content') result = await storage.removeContent(info, options)
  else result = await storage.removeMetaData(info, options)
  finish(queued, parts, result)
}

/** Writes all that is left for a storage in one transaction. */
export async function applyAll(
  queue: readonly Queued[],
  storage: Storage,
  options: CallOptions,
): Promise<void> {
  const left = queue.filter((queued) => queued.storage === storage && queued.sources.size > 0)
  const resources = new Map<string, Queued[]>()
  for (const queued of left.sort(compareRanks)) {
    const name = nameOf(queued.info)
    resources.set(name, [...(resources.get(name) ?? []), queued])
  }
  const results = await storage.writeMany([...resources.values()].map(resourceWrite), options)
  for (const [i, pieces] of [...resources.values()].entries()) {
    const result = results[i]
    if (result === undefined) throw new TypeError('The storage did not answer every write')
    for (const queued of pieces) finish(queued, [...queued.sources.keys()], result)
  }
}

/** What several calls ask of one resource. No two name the same part. */
function resourceWrite(pieces: readonly Queued[]): ResourceWrite {
  const [{ info }] = pieces as [Queued]
  const parts: { [part in PartName]?: ByteSource | null | undefined } = {}
  const conditions: { [part in PartName]?: PartCondition } = {}
  for (const { sources, conditions: own } of pieces) {
    for (const [part, source] of sources) parts[part] = source ?? null
    for (const part of PART_NAMES) {
      const both = bothOf(conditions[part], own.get(part))
      if (both !== undefined) conditions[part] = both
    }
  }
  const hooks = pieces.flatMap(({ transaction }) => transaction ?? [])
  return { info, ...parts, ...preconditionsOf(conditions), transaction: oneHook(hooks) }
}

/** Throws `TypeError` where no state of the part would do. */
function bothOf(one: PartCondition | undefined, other: PartCondition | undefined): PartCondition | undefined {
  if (one === undefined || other === undefined) return one ?? other
  const match = matchOf(one.match, other.match)
  const noneMatch = noneMatchOf(one.noneMatch, other.noneMatch)
  if (match !== undefined && (match.length === 0 || noneMatch === '*'))
    throw new TypeError('Two preconditions of a resource exclude each other')
  return { ...(match !== undefined && { match }), ...(noneMatch !== undefined && { noneMatch }) }
}

type Tags = PartCondition['match']

function matchOf(one: Tags, other: Tags): Tags {
  if (one === undefined || one === '*') return other ?? one
  if (other === undefined || other === '*') return one
  return one.filter((etag) => other.includes(etag))
}

function noneMatchOf(one: Tags, other: Tags): Tags {
  if (one === '*' || other === '*') return '*'
  return one === undefined || other === undefined ? (one ?? other) : [...one, ...other]
}

function oneHook(hooks: readonly TransactionHook[]): TransactionHook | undefined {
  if (hooks.length < 2) return hooks[0]
  const journal = hooks.flatMap((hook) => hook.journal ?? [])
  const beforeCommit = async (pending: PendingWrite): Promise<CommitTerms> => {
    let commitBefore = Infinity
    for (const hook of hooks) {
      const terms = await hook.beforeCommit(pending)
      commitBefore = Math.min(commitBefore, terms?.commitBefore ?? Infinity)
    }
    return { commitBefore }
  }
  return { journal: journal.length === 0 ? undefined : journal, beforeCommit }
}

function finish(
  { storage, info, kind, sources, done }: Queued,
  parts: readonly PartName[],
  result: WriteResult,
): void {
  for (const part of parts) sources.delete(part)
  done.push({ storage, info, kind, parts, result })
}

/** In the order of a commit. */
function compareRanks(a: Queued, b: Queued): number {
  return rankOf(a.kind, [...a.sources.keys()]) - rankOf(b.kind, [...b.sources.keys()])
}

export function rankOf(kind: Queued['kind'], parts: readonly PartName[]): number {
  return ORDER.findIndex(([eachKind, part]) => eachKind === kind && parts.includes(part))
}

/** The same for the same resource of a storage, and for no other. */
export function nameOf({ collection, resource }: ResourceInfo): string {
  return JSON.stringify([collection, resource])
}

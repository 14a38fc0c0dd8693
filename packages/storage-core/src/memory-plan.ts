import type { PartChange, WriteRequest } from './storage-driver.js'
import { StorageError } from './errors.js'
import type { MemoryPart, MemoryResource } from './memory-tables.js'
import { assertConditions } from './preconditions.js'
import { etagOf, PART_NAMES, type PartName } from './resource.js'
import type { WriteResult } from './storage.js'
import type { PendingWrite, TransactionHook } from './transaction.js'

/** What a write is about to do. */
export interface MemoryPlan {
  readonly pending: PendingWrite
  /** Undefined where nothing is left. */
  readonly after: MemoryResource | undefined
  readonly modifiedAtMs: number
  readonly transaction: TransactionHook | undefined
}

/** Undefined where nothing would change. Throws `E_PRECONDITION_FAILED`. */
export function planWrite(
  { info, changes, conditions, transaction }: WriteRequest,
  resource: MemoryResource | undefined,
  modifiedAtMs: number,
  nextVersion: () => number,
): MemoryPlan | undefined {
  const before = resource?.parts ?? {}
  assertConditions(info, conditions, (part) => before[part]?.version)
  const written = PART_NAMES.filter((part) => changes[part] !== undefined && changes[part] !== 'remove')
  const removed = PART_NAMES.filter((part) => changes[part] === 'remove' && before[part] !== undefined)
  if (written.length + removed.length === 0) return undefined
  const version = nextVersion()
  const parts = apply(before, changes, version, modifiedAtMs)
  const after = isEmpty(parts) ? undefined : { parts, version, modifiedAtMs }
  const pending = { info, version, written, removed, created: isEmpty(before), emptied: after === undefined }
  return { pending, after, modifiedAtMs, transaction }
}

export function resultOfPlan(
  { pending: { version, created, emptied }, modifiedAtMs }: MemoryPlan,
  journalId: string | undefined,
): WriteResult {
  const modifiedAt = new Date(modifiedAtMs)
  return { changed: true, version, etag: etagOf(version), modifiedAt, created, emptied, journalId }
}

/** What removing nothing resolves to. */
export function unchanged(atMs: number): WriteResult {
  const modifiedAt = new Date(atMs)
  return { changed: false, version: 0, etag: etagOf(0), modifiedAt, created: false, emptied: false }
}

function apply(
  before: MemoryResource['parts'],
  changes: WriteRequest['changes'],
  version: number,
  modifiedAtMs: number,
): MemoryResource['parts'] {
  const after: { [part in PartName]?: MemoryPart } = { ...before }
  for (const part of PART_NAMES) {
    const change = changes[part]
    if (change === 'remove') delete after[part]
    else if (change !== undefined)
      after[part] = { bytes: new Uint8Array(bytesOf(change)), version, modifiedAtMs }
  }
  return after
}

function bytesOf(change: Exclude<PartChange, 'remove'>): Uint8Array {
  if ('bytes' in change) return change.bytes
  throw new StorageError('E_UNSUPPORTED', 'This storage takes no streams')
}

function isEmpty(parts: MemoryResource['parts']): boolean {
  return parts.content === undefined && parts.metadata === undefined
}

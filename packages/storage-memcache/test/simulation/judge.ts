import type {
  CollectionOperation,
  HistoryRecorder,
  RegisterOperation,
  Violation,
  ViolationKind,
} from '@larder/storage-core/testing'
import type { Scene } from './sim-server.js'
import type { WorldOptions } from './world.js'

export const NOT_HEALED = 'not healed'
/** A write was rejected with an error that says that nothing was written, and was. */
export const WRITTEN = 'written though rejected'
/** A resource that had a part all the time was missing. */
export const VANISHED = 'vanished'
/** Nobody gets anywhere, or the world broke. */
export const STUCK = 'stuck'

export interface Finding {
  readonly kind: ViolationKind | typeof NOT_HEALED | typeof WRITTEN | typeof VANISHED | typeof STUCK
  readonly key: string
  readonly message: string
}

/**
 * Holds a run to what its faults allow. Reads never step back where every command to the cache was answered; a reader
 * that a server does not answer cannot take away what is older than what it read, and a write past the library has no
 * mark that keeps others from storing what is older. What was acknowledged is seen by
 * everybody in any run, but for writes of which their process said that it could not confirm them.
 */
export function judge(history: HistoryRecorder, scene: Scene, options: WorldOptions): Finding[] {
  learnOutcomes(history, scene)
  const { registers, collections } = history
  // A listing promises to show a resource once the write that created it is acknowledged. A later write of it
  // promises that only as long as the creator's mark tells of the creator.
  if (losesMarks(scene, options)) forget(collections, scene.later)
  forget(collections, scene.unconfirmed)
  forget(registers, scene.unconfirmed)
  const isPromised = ({ kind, key }: Violation) => {
    if (kind !== 'back' && kind !== 'split') return true
    // A mark that is gone before the commit lets a reader store what was before, until the write is confirmed.
    if (kind === 'split' && losesMarks(scene, options)) return false
    return scene.unanswered === 0 && !scene.outsiders.areActive && !key.startsWith('c/')
  }
  return [...scene.findings, ...history.violations().filter(isPromised)]
}

/** A write whose answer never came did happen, as the version that the database gave to it, or did not. */
function learnOutcomes({ registers }: HistoryRecorder, { commits }: Scene): void {
  for (const [i, operation] of [...registers.entries()].reverse()) {
    if (operation.kind !== 'write' || operation.version !== undefined || operation.value === undefined)
      continue
    const version = commits.get(operation.value)
    if (version === undefined) registers.splice(i, 1)
    else registers[i] = { ...operation, version }
  }
}

function losesMarks(scene: Scene, options: WorldOptions): boolean {
  const { evictions, restarts, outages, waits, stops, slowTransactions } = options
  return (
    scene.unanswered > 0 ||
    [evictions, restarts, outages, waits, stops, slowTransactions].some((rate) => rate > 0)
  )
}

/** From here on nobody counts on having been told of them. */
function forget(
  operations: (RegisterOperation | CollectionOperation)[],
  versions: ReadonlySet<number>,
): void {
  for (const [i, operation] of operations.entries()) {
    if (operation.kind === 'read' || operation.kind === 'list') continue
    if (operation.version !== undefined && versions.has(operation.version))
      operations[i] = { ...operation, end: undefined }
  }
}

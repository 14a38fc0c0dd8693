import type { CollectionOperation, RegisterOperation } from '@larder/storage-core/testing'
import type { Begun, Ended, Failed, Line } from './messages.js'

/** One operation of one process: what it was, and what is known of its end. */
export interface Operation extends Begun {
  readonly worker: string
  readonly ended?: Ended
  readonly failed?: Failed
}

/** Rejections after which the write may still have happened; after all others it has not. */
const IN_DOUBT = 'E_OUTCOME_UNKNOWN'

/** What all processes did, also those that did not live to tell the end of it. */
export class History {
  readonly operations: Operation[] = []
  readonly #open = new Map<string, Operation>()

  /** Whether the line was about an operation. */
  take(line: Line, worker: string): boolean {
    switch (line.say) {
      case 'begun':
        this.#open.set(line.id, { ...line, worker })
        return true
      case 'ended':
        this.#close(line.id, { ended: line })
        return true
      case 'failed':
        this.#close(line.id, { failed: line })
        return true
      default:
        return false
    }
  }

  /** The process is dead: what it had begun may have happened. */
  gone(worker: string): void {
    for (const { id, worker: of } of [...this.#open.values()]) if (of === worker) this.#close(id, {})
  }

  #close(id: string, end: Pick<Operation, 'ended' | 'failed'>): void {
    const begun = this.#open.get(id)
    if (begun === undefined) return
    this.#open.delete(id)
    this.operations.push({ ...begun, ...end })
  }
}

export function isWrite({ kind }: Operation): boolean {
  return kind === 'write' || kind === 'remove'
}

export function isAcknowledged(operation: Operation): boolean {
  return isWrite(operation) && operation.ended?.written?.changed === true
}

/** It is not known whether it happened. */
export function isInDoubt(operation: Operation): boolean {
  if (!isWrite(operation) || operation.ended !== undefined) return false
  return operation.failed === undefined || operation.failed.code === IN_DOUBT
}

export function keyOf(collection: string, name: string | undefined): string {
  return `${collection}/${name ?? ''}`
}

export interface View {
  /** Only reads for which this holds. */
  readonly reads: (ended: Ended) => boolean
  /** Whether a write that was acknowledged without the cache promises anything. */
  readonly unconfirmedCount: boolean
}

/** What the judge of registers needs. */
export function registersOf(operations: readonly Operation[], view: View): RegisterOperation[] {
  return operations.flatMap((operation): RegisterOperation[] => {
    const { collection, kind, name, start, ended } = operation
    if (isWrite(operation)) return writeOf(operation, view)
    if (kind !== 'read' || ended === undefined || !view.reads(ended)) return []
    return (ended.reads ?? []).map(({ name: read, version, value }) => ({
      ...{ kind: 'read', key: keyOf(collection, read ?? name), start, end: ended.end, version, value },
    }))
  })
}

function writeOf(operation: Operation, view: View): RegisterOperation[] {
  const { collection, name, value, start, ended } = operation
  const key = keyOf(collection, name)
  const written = ended?.written
  if (ended !== undefined && written?.changed === false) {
    if (!view.reads(ended)) return []
    return [{ kind: 'read', key, start, end: ended.end, version: undefined, value: undefined }]
  }
  if (ended === undefined && !isInDoubt(operation)) return []
  return [{ kind: 'write', key, start, end: promisedFrom(operation, view), value, version: written?.version }]
}

/** From when on reads must show it. */
function promisedFrom({ ended }: Operation, { unconfirmedCount }: View): number | undefined {
  return ended?.written?.unconfirmed === true && !unconfirmedCount ? undefined : ended?.end
}

/** What the judge of listings needs. */
export function membershipsOf(operations: readonly Operation[], view: View): CollectionOperation[] {
  return operations.flatMap((operation): CollectionOperation[] => {
    const { collection, kind, name = '', start, ended } = operation
    if (kind === 'list') {
      if (ended?.names === undefined) return []
      return [{ kind, collection, start, end: ended.end, names: new Set(ended.names) }]
    }
    const written = ended?.written
    const isChange = isWrite(operation) && (isAcknowledged(operation) || isInDoubt(operation))
    if (!isChange) return []
    // A listing promises what the write that created the resource was told.
    const isPromised = kind === 'remove' || written?.created === true
    const end = isPromised ? promisedFrom(operation, view) : undefined
    const change = kind === 'remove' ? 'remove' : 'add'
    return [{ kind: change, collection, name, start, end, version: written?.version }]
  })
}

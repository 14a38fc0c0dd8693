import { MemoryStorage, type Storage } from '@larder/storage-core'
import { ForwardingStorage, type OpenedStorage } from '@larder/storage-core/testing'

/** A storage with one defect. */
export interface Mutant {
  /** Says what it does wrong: 'A storage that ...'. */
  readonly that: string
  /** The group that must notice. */
  readonly group: string
  readonly open: () => Promise<OpenedStorage>
}

export function mutant(group: string, that: string, make: () => Storage): Mutant {
  return { group, that, open: async () => ({ storage: make() }) }
}

/** One whose defect shows between two handles on the same data. */
export function sharedMutant(group: string, that: string, make: (shared: Storage) => Storage): Mutant {
  return { group, that, open: async () => openShared(make) }
}

export function openShared(
  make: (shared: Storage) => Storage = (shared) => new Handle(shared),
): OpenedStorage {
  const memory = new MemoryStorage()
  const shared = new Handle(memory)
  return {
    storage: make(shared),
    reopen: async () => make(shared),
    close: () => memory.shutdown(),
  }
}

/** A handle on a storage that outlives it. */
class Handle extends ForwardingStorage {
  override async shutdown(): Promise<void> {}
}

/** What most mutants are made from. */
export class Defective extends ForwardingStorage {
  constructor(inner: Storage = new MemoryStorage()) {
    super(inner)
  }
}

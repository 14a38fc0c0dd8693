import { compareNames } from './names.js'
import type { PartName, ResourceInfo } from './resource.js'

export interface MemoryPart {
  readonly bytes: Uint8Array
  readonly version: number
  readonly modifiedAtMs: number
}

/** Never changed: a write puts another one in its place. */
export interface MemoryResource {
  readonly parts: { readonly [part in PartName]?: MemoryPart }
  readonly version: number
  readonly modifiedAtMs: number
}

/** Resources by collection and name. */
export interface MemoryTables {
  create(collection: string): void
  has(collection: string): boolean
  get(info: ResourceInfo): MemoryResource | undefined
  members(collection: string): Iterable<readonly [name: string, resource: MemoryResource]>
  /** Undefined removes it. */
  set(info: ResourceInfo, resource: MemoryResource | undefined): void
  /** Whether the row is known to have been removed, though it may never have been seen. */
  wasRemoved(row: string): boolean
}

/** What is committed. */
export class CommittedTables implements MemoryTables {
  readonly #collections = new Map<string, Map<string, MemoryResource>>()
  #removed: Set<string> | undefined

  /** Until it is called with false, rows that are removed are remembered: what was made and removed leaves no trace. */
  rememberRemovals(isOn: boolean): void {
    this.#removed = isOn ? new Set() : undefined
  }

  wasRemoved(row: string): boolean {
    return this.#removed?.has(row) === true
  }

  create(collection: string): void {
    if (!this.#collections.has(collection)) this.#collections.set(collection, new Map())
  }

  has(collection: string): boolean {
    return this.#collections.has(collection)
  }

  get({ collection, resource = '' }: ResourceInfo): MemoryResource | undefined {
    return this.#collections.get(collection)?.get(resource)
  }

  members(collection: string): Iterable<readonly [string, MemoryResource]> {
    return this.#collections.get(collection) ?? []
  }

  set({ collection, resource: name = '' }: ResourceInfo, resource: MemoryResource | undefined): void {
    this.create(collection)
    if (resource === undefined) this.#removed?.add(rowOf({ collection, resource: name }))
    if (resource === undefined) this.#collections.get(collection)?.delete(name)
    else this.#collections.get(collection)?.set(name, resource)
  }

  clear(): void {
    this.#collections.clear()
  }
}

interface Change {
  readonly info: ResourceInfo
  /** What was there when it was first changed. */
  readonly before: MemoryResource | undefined
  readonly after: MemoryResource | undefined
}

/** What a transaction has written, in front of what is committed; of a nested one, in front of the outer one. */
export class UncommittedTables implements MemoryTables {
  readonly #behind: MemoryTables
  readonly #made = new Set<string>()
  readonly #changes = new Map<string, Change>()

  constructor(behind: MemoryTables) {
    this.#behind = behind
  }

  create(collection: string): void {
    if (!this.has(collection)) this.#made.add(collection)
  }

  has(collection: string): boolean {
    return this.#made.has(collection) || this.#behind.has(collection)
  }

  wasRemoved(): boolean {
    return false
  }

  get(info: ResourceInfo): MemoryResource | undefined {
    const changed = this.#changes.get(rowOf(info))
    return changed === undefined ? this.#behind.get(info) : changed.after
  }

  members(collection: string): Iterable<readonly [string, MemoryResource]> {
    const members = new Map(this.#behind.members(collection))
    for (const { info, after } of this.#changes.values()) {
      if (info.collection !== collection) continue
      members.delete(info.resource ?? '')
      if (after !== undefined) members.set(info.resource ?? '', after)
    }
    return members
  }

  set(info: ResourceInfo, resource: MemoryResource | undefined): void {
    this.create(info.collection)
    const row = rowOf(info)
    const known = this.#changes.get(row)
    const before = known === undefined ? this.#behind.get(info) : known.before
    this.#changes.set(row, { info, before, after: resource })
  }

  /** The rows that are changed, in the order in which they are locked. */
  get rows(): readonly string[] {
    return [...this.#changes.keys()].sort(compareNames)
  }

  /** Whether nobody else has changed what this changes. */
  get isCurrent(): boolean {
    return [...this.#changes].every(
      ([row, { info, before }]) => this.#behind.get(info) === before && !this.#behind.wasRemoved(row),
    )
  }

  apply(): void {
    for (const collection of this.#made) this.#behind.create(collection)
    for (const { info, after } of this.#changes.values()) this.#behind.set(info, after)
  }
}

/** What names the row's lock. */
export function rowOf({ collection, resource }: Pick<ResourceInfo, 'collection' | 'resource'>): string {
  return JSON.stringify([collection, resource])
}

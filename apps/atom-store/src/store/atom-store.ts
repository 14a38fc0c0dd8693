import type { Storage } from '@larder/storage-core'
import type { Config } from '../config.js'
import { Collection } from './collection.js'
import { HookRunner, type Hooks } from './hooks.js'

export interface Workspace {
  readonly title: string
  readonly collections: readonly Collection[]
}

/** The collections of a configuration, kept in a storage, which stays open. */
export class AtomStore {
  readonly title: string
  readonly workspaces: readonly Workspace[]
  readonly #collections: ReadonlyMap<string, Collection>

  constructor(storage: Storage, config: Config, hooks: readonly Hooks[] = []) {
    const runner = new HookRunner(hooks)
    this.title = config.title
    this.workspaces = config.workspaces.map(({ title, collections }) => ({
      title,
      collections: collections.map((each) => new Collection(storage, each, runner, config.pageSize)),
    }))
    const all = this.workspaces.flatMap(({ collections }) => collections)
    this.#collections = new Map(all.map((collection) => [collection.name, collection]))
  }

  collection(name: string): Collection | undefined {
    return this.#collections.get(name)
  }
}

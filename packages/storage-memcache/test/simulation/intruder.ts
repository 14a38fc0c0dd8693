import type { MemoryStorage, ResourceInfo } from '@larder/storage-core'
import type { HistoryRecorder } from '@larder/storage-core/testing'
import type { Scene, SimServer } from './sim-server.js'

export interface Grounds {
  readonly scene: Scene
  readonly servers: readonly SimServer[]
  readonly database: MemoryStorage
  readonly history: HistoryRecorder
  readonly collection: string
  readonly names: readonly string[]
  /** Where a part of a resource is cached. */
  readonly keyOf: (info: ResourceInfo) => string
}

/** A program that does not know the library: it changes a resource in the database, where triggers tell of it. */
export function intruder({ scene, servers, database, history, collection, names, keyOf }: Grounds) {
  const { outsiders, scheduler } = scene
  let changes = 0
  return async (): Promise<void> => {
    await scheduler.step('')
    const resource = scheduler.pick(names)
    const info = database.info(collection, resource)
    const key = keyOf(info)
    const states = scheduler.isWatched ? servers.map((server) => server.stateOf(key)) : []
    const isRemoval = scheduler.chance(0.25)
    const written = isRemoval
      ? await history.remove(database, info)
      : await history.put(database, info, `outside.${++changes}`)
    if (!written.changed) return
    scene.visit('external change', states.find((state) => !state.startsWith('no ')) ?? 'no part')
    scheduler.note(`OUTSIDE: ${isRemoval ? 'removes' : 'writes'} ${resource} as ${written.version}`)
    // Until the relays have been told, some see it and others do not.
    scene.unconfirmed.add(written.version)
    scene.committed.set(key, written)
    outsiders.tell({ collection, resource, listed: written.created || written.emptied })
  }
}

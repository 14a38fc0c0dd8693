import { type PartName, type ResourceInfo, type Storage } from '@larder/storage-core'
import { asRole } from './coverage.js'
import type { Fate } from './faults.js'
import { VANISHED } from './judge.js'
import type { SimProcess } from './scheduler.js'
import type { Scene } from './sim-server.js'

export interface TurnTakerParts {
  readonly name: string
  readonly names: readonly string[]
  /** Of the names, the resource that this client alone writes. */
  readonly own: string | undefined
  readonly storage: Storage
  readonly scene: Scene
  readonly process: SimProcess
  readonly operations: number
  /** Resources that have had a part ever since. Shared by all clients. */
  readonly founded: Set<string>
}

const SHARE_OF_TURNS = 0.5

/**
 * A client of resources that always have a part: their writer writes one part before it removes the other. Whoever asks
 * whether such a resource exists must never be told that it does not.
 */
export class TurnTaker {
  readonly #it: TurnTakerParts
  /** The part that is known to be there. */
  #sure: PartName | undefined

  constructor(parts: TurnTakerParts) {
    this.#it = parts
  }

  async run(collection: string, fate: Fate): Promise<void> {
    const { name, operations, own, process, scene, storage } = this.#it
    for (let i = 0; i < operations && !process.isDead; i++) {
      await fate()
      const isTurn = own !== undefined && scene.scheduler.chance(SHARE_OF_TURNS)
      const work = isTurn
        ? () => asRole('writer', () => this.#turn(storage.info(collection, own)))
        : () => asRole('reader', () => this.#ask(collection))
      await work().catch((error: unknown) => scene.scheduler.note(`${name}.${i}: FAILED: ${String(error)}`))
    }
  }

  async #turn(info: ResourceInfo): Promise<void> {
    const { founded, name, own = '', scene, storage } = this.#it
    const next: PartName = this.#sure === 'content' ? 'metadata' : 'content'
    scene.scheduler.note(`${name}: WRITES the ${next} of ${own}`)
    await storage.put(info, { [next]: name })
    const gone = this.#sure
    this.#sure = next
    founded.add(own)
    scene.turns.written++
    if (gone === undefined) return
    scene.scheduler.note(`${name}: REMOVES the ${gone} of ${own}`)
    await (gone === 'content' ? storage.removeContent(info) : storage.removeMetaData(info))
  }

  async #ask(collection: string): Promise<void> {
    const { founded, name, names, scene, storage } = this.#it
    const resource = scene.scheduler.pick(names)
    const isFounded = founded.has(resource)
    scene.scheduler.note(`${name}: ASKS for ${resource}`)
    const exists = await storage.exists(storage.info(collection, resource))
    scene.scheduler.note(`${name}: ${resource} ${exists ? 'exists' : 'is missing'}`)
    scene.turns.asked++
    if (exists || !isFounded) return
    scene.findings.push({
      kind: VANISHED,
      key: resource,
      message: `${name} was told that ${resource} is missing, which had a part all the time`,
    })
  }
}

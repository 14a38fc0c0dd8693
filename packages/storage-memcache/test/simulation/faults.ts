import type { Network } from './network.js'
import type { SimProcess } from './scheduler.js'
import type { Scene, SimServer } from './sim-server.js'
import type { WorldOptions } from './world.js'

/** Called before each operation of a client: what befalls the world, and how long the client waits. */
export type Fate = () => Promise<void>

/** Longer than a mark of the worlds in which time counts, so that marks expire under their writers. */
const LONGEST_STOP_MS = 20_000
const LONGEST_OUTAGE_MS = 8_000
const LONGEST_WAIT_MS = 6_000

export interface Targets {
  readonly scene: Scene
  readonly servers: readonly SimServer[]
  readonly process: SimProcess
  readonly network: Network | undefined
  readonly lastStep: () => string | undefined
  /** A program that does not know the library changes something. */
  readonly intrude: () => Promise<void>
}

export function adversary(
  { scene, servers, process, network, lastStep, intrude }: Targets,
  options: WorldOptions,
): Fate {
  const { scheduler } = scene

  /** Some steps later, so that it comes in the middle of what is about to be done. */
  const soon = async (work: () => void): Promise<void> => {
    const steps = Math.floor(scheduler.random() * 12)
    for (let i = 0; i < steps; i++) await scheduler.step('')
    if (!process.isDead) work()
  }

  const stop = (): void => {
    if (process.isStopped) return
    process.isStopped = true
    scheduler.note(`STOP of ${process.name}`)
    scene.visit('stop', lastStep() ?? 'nothing')
    scheduler.after(scheduler.random() * LONGEST_STOP_MS, undefined, () => {
      process.isStopped = false
      scheduler.note(`${process.name} GOES ON`)
    })
  }

  const outage = (): void => {
    const server = scheduler.pick(servers)
    const kind = scheduler.pick(['dead', 'out of reach', 'out of reach for one'] as const)
    if (server.isDown) return
    scheduler.note(`${server.name} is ${kind}${kind.endsWith('one') ? `: ${process.name}` : ''}`)
    scene.visit('outage', kind)
    if (kind === 'dead') server.restart()
    if (kind === 'out of reach for one') server.unreachableFor.add(process)
    else server.isDown = true
    scheduler.after(scheduler.random() * LONGEST_OUTAGE_MS, undefined, () => {
      server.isDown = false
      server.unreachableFor.delete(process)
      scheduler.note(`${server.name} is back`)
    })
  }

  return async () => {
    if (scheduler.chance(options.evictions)) void soon(() => scheduler.pick(servers).evictOne())
    if (scheduler.chance(options.restarts)) void soon(() => scheduler.pick(servers).restart())
    if (network !== undefined && scheduler.chance(options.losses)) void soon(() => network.cutOne(process))
    if (scheduler.chance(options.outsiders)) void intrude()
    if (scheduler.chance(options.crashes)) void soon(() => scene.crash(process, lastStep()))
    if (scheduler.chance(options.stops)) void soon(stop)
    if (scheduler.chance(options.outages)) void soon(outage)
    if (scheduler.chance(options.waits)) await scheduler.sleep(scheduler.random() * LONGEST_WAIT_MS, process)
  }
}

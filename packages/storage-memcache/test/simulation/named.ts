import { variants } from './variants.js'
import type { WorldOptions } from './world.js'
import { worlds } from './worlds.js'

/** A world, or that of a variant, in which something is left out. */
export function worldNamed(name: string): WorldOptions {
  const world = worlds[name] ?? variants[name]?.world
  if (world === undefined) throw new RangeError(`There is no world or variant "${name}"`)
  return world
}

import { simulate, type WorldOptions } from './world.js'
import { worlds } from './worlds.js'

/** What went wrong in a run, and everything that happened in it. */
export async function explain(
  world: string,
  seed: number,
  changes: Partial<WorldOptions> = {},
): Promise<{ readonly text: string; readonly isBroken: boolean }> {
  const options = worlds[world]
  if (options === undefined) throw new RangeError(`There is no world "${world}"`)
  const { findings, trace } = await simulate(seed, { ...options, ...changes }, true)
  const wrong = findings.map(({ kind, message }) => `  ${kind}: ${message}`)
  const clients = changes.processes === undefined ? '' : ` --clients ${changes.processes}`
  const text = [
    `In the world "${world}" with seed ${seed}, ${findings.length === 0 ? 'nothing was wrong' : 'this was wrong'}:`,
    ...wrong,
    '',
    ...trace,
    '',
    `To see it again: npx pnpm@12 simulate --world '${world}' --seed ${seed} --runs 1${clients}`,
  ]
  return { text: text.join('\n'), isBroken: findings.length > 0 }
}

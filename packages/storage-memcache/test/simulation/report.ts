import { worldNamed } from './named.js'
import { variants } from './variants.js'
import { simulate, type WorldOptions } from './world.js'

/** What went wrong in a run, and everything that happened in it. */
export async function explain(
  world: string,
  seed: number,
  changes: Partial<WorldOptions> = {},
): Promise<{ readonly text: string; readonly isBroken: boolean }> {
  const { findings, trace } = await simulate(seed, { ...worldNamed(world), ...changes }, true)
  const wrong = findings.map(({ kind, message }) => `  ${kind}: ${message}`)
  const clients = changes.processes === undefined ? '' : ` --clients ${changes.processes}`
  const option = world in variants ? '--variant' : '--world'
  const text = [
    `In the world "${world}" with seed ${seed}, ${findings.length === 0 ? 'nothing was wrong' : 'this was wrong'}:`,
    ...wrong,
    '',
    ...trace,
    '',
    `To see it again: npx pnpm@12 simulate ${option} ${quoted(world)} --seed ${seed} --runs 1${clients}`,
  ]
  return { text: text.join('\n'), isBroken: findings.length > 0 }
}

/** For a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}

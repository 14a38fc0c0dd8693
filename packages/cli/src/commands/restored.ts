import type { Command } from 'commander'
import type { Act } from '../act.js'
import type { Context } from '../context.js'
import { countOf } from '../numbers.js'
import { countText } from '../output.js'

interface RestoredFlags {
  readonly raiseBy?: number
}

export function addRestored(program: Command, act: Act): void {
  program
    .command('restored')
    .description(
      'after a backup was restored or an asynchronous standby promoted: raises versions, empties the servers',
    )
    .option('--raise-by <n>', 'more than any resource was written since; default: 1000000', countOf)
    .action(act(restored))
}

async function restored(context: Context, { raiseBy }: RestoredFlags): Promise<void> {
  const { output, signal, settings } = context
  const cache = settings.isCacheRefused ? undefined : await context.cache()
  const storage = await context.database()
  const resources = await storage.restored({ raiseBy, signal })
  // Last, so that nobody fills them with what was read before.
  const failed = cache === undefined ? [] : [...(await cache.flushAll()).failed.keys()]
  if (failed.length > 0) {
    const names = failed.join(', ')
    throw new Error(
      `The versions are raised, but these servers did not answer: ${names}. Restart or flush them`,
    )
  }
  const emptied = cache === undefined ? '' : '; the servers are empty'
  await output.result({ resources }, `${countText(resources, 'resource')} raised${emptied}`)
}

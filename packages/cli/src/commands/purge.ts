import type { Command } from 'commander'
import type { Act } from '../act.js'
import type { Context } from '../context.js'
import { positiveOf } from '../numbers.js'
import { countText } from '../output.js'

interface PurgeFlags {
  readonly tombstones?: number
  readonly changes?: number
}

const DAY_MS = 86_400_000

export function addPurge(program: Command, act: Act): void {
  program
    .command('purge')
    .description('removes what only takes room in the database: replaced content, and what the options name')
    .option('--tombstones <days>', 'rows of resources that were removed so many days ago', positiveOf)
    .option(
      '--changes <days>',
      'records of external changes that nobody handled for so many days',
      positiveOf,
    )
    .action(act(purge))
}

async function purge(context: Context, { tombstones, changes }: PurgeFlags): Promise<void> {
  const { output, signal } = context
  const storage = await context.database()
  const purged = await storage.purge({
    tombstonesOlderThanMs: tombstones && tombstones * DAY_MS,
    changesOlderThanMs: changes && changes * DAY_MS,
    signal,
  })
  const counted = [
    countText(purged.tombstones, 'tombstone'),
    countText(purged.contents, 'replaced content'),
    countText(purged.changes, 'record'),
  ]
  await output.result(purged, `${counted.join(', ')} removed`)
}

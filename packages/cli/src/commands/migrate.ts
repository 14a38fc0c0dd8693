import { type Command, Option } from 'commander'
import type { Act } from '../act.js'
import type { Context } from '../context.js'

interface MigrateOptions {
  readonly triggers?: 'install' | 'remove'
  readonly watch?: readonly string[]
  readonly unwatch?: readonly string[]
  readonly notify: boolean
  readonly orderByModified?: true
}

export function addMigrate(program: Command, act: Act): void {
  program
    .command('migrate')
    .description('makes the tables, or brings them up to date; can be run again, and by several at once')
    .addOption(
      new Option('--triggers <what>', "on Larder's tables, for programs that write past the library").choices(
        ['install', 'remove'],
      ),
    )
    .option('--watch <tables...>', 'tables of your own whose changes are to be told')
    .option('--unwatch <tables...>', 'no longer')
    .option(
      '--no-notify',
      'triggers on PostgreSQL wake nobody: changes are found by polling, and commits cost less',
    )
    .option('--order-by-modified', 'with the index that storages with orderByModified need')
    .action(act(migrate))
}

async function migrate(
  context: Context,
  { triggers, watch = [], unwatch = [], notify, orderByModified }: MigrateOptions,
): Promise<void> {
  const { output } = context
  const storage = await context.database({ migrate: true, orderByModified })
  const { installTriggers, removeTriggers, unwatchTables, watchTables } = await import('@larder/storage-sql')
  const done = ['the tables are up to date']
  if (triggers === 'install') {
    await installTriggers(storage, { notify })
    done.push('triggers installed')
  } else if (triggers === 'remove') {
    await removeTriggers(storage)
    done.push('triggers removed')
  }
  if (watch.length > 0) {
    await watchTables(storage, watch, { notify })
    done.push(`watching ${watch.join(', ')}`)
  }
  if (unwatch.length > 0) {
    await unwatchTables(storage, unwatch)
    done.push(`not watching ${unwatch.join(', ')}`)
  }
  await output.result({ done }, done.join('\n'))
}

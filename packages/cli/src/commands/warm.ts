import type { Storage } from '@larder/storage-core'
import type { Command } from 'commander'
import type { Act } from '../act.js'
import type { Context } from '../context.js'
import { eachLimit } from '../each-limit.js'
import { ExitCode } from '../exit-code.js'
import { countText } from '../output.js'
import { PARTS } from '../parts.js'

const BATCH = 50
const AT_ONCE = 4

export function addWarm(program: Command, act: Act): void {
  program
    .command('warm')
    .description(
      'reads collections through the cache, listing and both parts, so that later readers find them there',
    )
    .argument('<collections...>')
    .option('--ext <ext>', 'only names that end in it')
    .action(act(warm))
}

async function warm(
  context: Context,
  collections: readonly string[],
  { ext }: { readonly ext?: string },
): Promise<ExitCode> {
  const { output, signal } = context
  const storage = await context.cached()
  for (const collection of collections) {
    const before = storage.counters()
    let [resources, bytes] = [0, 0]
    const progress = output.progress(`warm ${collection}`, 0)
    try {
      await eachLimit(batches(storage, collection, ext, signal), AT_ONCE, async (infos) => {
        progress.grow(1)
        resources += infos.length
        for (const part of PARTS) {
          const found = await storage.getMany(infos, { part, signal })
          bytes += found.reduce((sum, each) => sum + (each?.size ?? 0), 0)
        }
        progress.add()
      })
    } finally {
      progress.end()
    }
    const fromDatabase = storage.counters().durableReads - before.durableReads
    const text = `${collection}: ${countText(resources, 'resource')}, ${fromDatabase} of ${2 * resources} parts read from the database`
    await output.result({ collection, resources, bytes, fromDatabase }, text)
  }
  const { cacheErrors } = storage.counters()
  if (cacheErrors === 0) return ExitCode.done
  output.warn(`${countText(cacheErrors, 'call')} to the cache failed: not all that was read is there now`)
  return ExitCode.failed
}

async function* batches(storage: Storage, collection: string, ext: string | undefined, signal: AbortSignal) {
  let infos = []
  for await (const [, info] of storage.ils(collection, { ext, signal })) {
    infos.push(info)
    if (infos.length < BATCH) continue
    yield infos
    infos = []
  }
  if (infos.length > 0) yield infos
}

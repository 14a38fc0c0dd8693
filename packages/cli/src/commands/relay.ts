import type { Command } from 'commander'
import type { Act } from '../act.js'
import type { Context } from '../context.js'
import { positiveOf } from '../numbers.js'
import { countText } from '../output.js'

interface RelayOptions {
  readonly for?: number
  readonly interval?: number
  readonly after?: number
}

/** The longest wait of a timer, in milliseconds. */
const LONGEST_MS = 2_147_483_647

export function addRelay(program: Command, act: Act): void {
  program
    .command('relay')
    .description('sets caches right for writers that died or could not reach them, until it is stopped')
    .option('--for <seconds>', 'ends by itself after that', positiveOf)
    .option('--interval <ms>', 'how often it looks; default: 1000', positiveOf)
    .option('--after <ms>', 'how long a write is left to its own process; default: 5000', positiveOf)
    .action(act(relay))
}

async function relay(context: Context, options: RelayOptions): Promise<void> {
  const { output, signal } = context
  const storage = await context.cached({ relayIntervalMs: options.interval, relayAfterMs: options.after })
  // A relay begins with the first use of its storage.
  await storage.exists(storage.info('larder', 'relay'), { signal })
  output.note('The relay runs.')
  await stopped(signal, options.for)
  // Rows that were claimed are done before they are counted.
  await storage.shutdown()
  const { relayed, cacheErrors } = storage.counters()
  const text = `${countText(relayed, 'write')} set right, ${countText(cacheErrors, 'call')} to the cache failed`
  await output.result({ relayed, cacheErrors }, text)
}

/** Resolves when the time is over, or the work is to stop. */
function stopped(signal: AbortSignal, seconds: number | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearInterval(timer)
      resolve()
    }
    // It keeps the process alive as well.
    const timer = setInterval(end, seconds === undefined ? LONGEST_MS : Math.min(seconds * 1_000, LONGEST_MS))
    if (signal.aborted) end()
    else signal.addEventListener('abort', end, { once: true })
  })
}

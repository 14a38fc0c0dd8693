import type { Command } from 'commander'
import type { Act } from '../act.js'
import type { Context } from '../context.js'
import { ExitCode } from '../exit-code.js'
import { bytesText } from '../output.js'

export function addStats(program: Command, act: Act): void {
  program
    .command('stats')
    .description('tells what the memcached servers say of themselves; with --json all of it')
    .action(act(stats))
}

async function stats(context: Context): Promise<ExitCode> {
  const { output, signal } = context
  const { answers, failed } = await (await context.cache()).stats('', { signal })
  for (const [server, values] of answers) {
    await output.result({ server, ...Object.fromEntries(values) }, `${server}  ${summaryOf(values)}`)
  }
  for (const [server, { message }] of failed) {
    await output.result({ server, error: message }, `${server}  does not answer: ${message}`)
  }
  return failed.size > 0 ? ExitCode.failed : ExitCode.done
}

function summaryOf(values: ReadonlyMap<string, string>): string {
  const of = (name: string): number => Number(values.get(name) ?? 0)
  const [hits, misses] = [of('get_hits'), of('get_misses')]
  const asked = hits + misses
  return [
    `memcached ${values.get('version') ?? 'unknown'}`,
    `up ${of('uptime')} s`,
    `${of('curr_items')} items`,
    `${bytesText(of('bytes'))} of ${bytesText(of('limit_maxbytes'))}`,
    asked === 0 ? 'nothing asked yet' : `${((100 * hits) / asked).toFixed(1)} % of ${asked} gets hit`,
    `${of('evictions')} evicted`,
    `${of('curr_connections')} connections`,
  ].join(', ')
}

import type { AuditReport } from '@larder/storage-memcache'
import type { Command } from 'commander'
import type { Act } from '../act.js'
import type { Context } from '../context.js'
import { ExitCode } from '../exit-code.js'
import { countOf, positiveOf } from '../numbers.js'
import { countText, nameText } from '../output.js'

interface AuditFlags {
  readonly sample?: number
  readonly limit?: number
  readonly maxPerSecond?: number
  readonly recheckAfter?: number
}

export function addAudit(program: Command, act: Act): void {
  program
    .command('audit')
    .description('compares what the cache holds with the database, without disturbing either')
    .argument('<collections...>')
    .option(
      '--sample <share>',
      'of the resources, chosen at random: 0.01 is a hundredth; default: 1',
      positiveOf,
    )
    .option('--limit <count>', 'ends after so many resources', countOf)
    .option('--max-per-second <count>', 'looks at so many a second at most; default: 1000', positiveOf)
    .option('--recheck-after <ms>', 'how long a difference must last to count; default: 7000', positiveOf)
    .action(act(runAudit))
}

async function runAudit(
  context: Context,
  collections: readonly string[],
  { sample, limit, maxPerSecond, recheckAfter: recheckAfterMs }: AuditFlags,
): Promise<ExitCode> {
  const { output, signal } = context
  const storage = await context.cached()
  const { audit } = await import('@larder/storage-memcache')
  const report = await audit(storage, { collections, sample, limit, maxPerSecond, recheckAfterMs, signal })
  await output.result(report, textOf(report))
  const isWrong =
    report.disagreeing.length > 0 || report.listings.some(({ outcome }) => outcome === 'disagrees')
  if (isWrong) return ExitCode.disagrees
  return report.unreachable > 0 ? ExitCode.failed : ExitCode.done
}

function textOf(report: AuditReport): string {
  const { checked, cached, agreeing, disagreeing, missing, inFlight, unreachable, listings } = report
  return [
    `${countText(checked, 'part')} looked at: ${cached} cached, ${missing} not, ${inFlight} in flight, ${unreachable} unreachable`,
    `${agreeing} agree, ${disagreeing.length} disagree (rate ${report.rate})`,
    ...disagreeing.map(
      ({ kind, collection, resource, part, cachedVersion, storedVersion }) =>
        `  ${kind}: ${part} of ${nameText(collection)} ${nameText(resource)}, cached ${cachedVersion ?? 'as missing'}, stored ${storedVersion ?? 'not'}`,
    ),
    ...listings.map(
      ({ collection, outcome, unlisted, surplus }) =>
        `listing of ${nameText(collection)}: ${outcome}` +
        (outcome === 'disagrees' ? `, ${unlisted.length} unlisted, ${surplus.length} too many` : ''),
    ),
  ].join('\n')
}

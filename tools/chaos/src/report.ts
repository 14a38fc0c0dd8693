import type { Violation } from '@larder/storage-core/testing'
import { describe } from './faults.js'
import { keyOf, type Operation } from './history.js'
import { type ChaosResult, countFaults, type Inflicted } from './run.js'

/** The figures of a run, for a program. */
export interface Report {
  readonly database: string
  readonly seed: number
  readonly whenCacheFails: string
  readonly variant: string
  readonly seconds: number
  readonly processes: number
  readonly processesStarted: number
  readonly servers: number
  readonly operations: ChaosResult['operations']
  readonly faults: Readonly<Record<string, number>>
  readonly staleReads: number
  readonly lostWrites: number
  readonly otherViolations: number
  readonly allowed: ChaosResult['verdict']['allowed']
  readonly longestHealMs: number
  readonly longestBehindMs: number
  readonly healedAfterMs: number
  readonly relayedRows: number
  readonly lostMarks: number
  readonly lostLeases: number
}

export function reportOf(result: ChaosResult): Report {
  const { options, operations, faults, verdict, tally } = result
  const staleReads = verdict.violations.filter(
    ({ kind, message }) => kind === 'stale' && !isLost(message),
  ).length
  return {
    database: options.database,
    seed: options.seed,
    whenCacheFails: options.whenCacheFails,
    variant: options.variant,
    seconds: Math.round(options.forMs / 1_000),
    processes: options.processes,
    processesStarted: result.processesStarted,
    servers: options.servers,
    operations,
    faults: countFaults(faults),
    staleReads,
    lostWrites: result.lostWrites,
    otherViolations: verdict.violations.length - staleReads - result.lostWrites,
    allowed: verdict.allowed,
    longestHealMs: result.longestHealMs,
    longestBehindMs: result.longestBehindMs,
    healedAfterMs: result.healedAfterMs,
    relayedRows: tally.counters.relayed,
    lostMarks: tally.lostMarks,
    lostLeases: tally.lostLeases,
  }
}

function isLost(message: string): boolean {
  return message.startsWith('lost: ')
}

/** The figures of a run, for a person. */
export function textOf(report: Report): string {
  const { operations, faults, allowed } = report
  const total = Object.values(faults).reduce((sum, count) => sum + count, 0)
  const rejected = Object.entries(operations.rejected).map(([code, count]) => `${code} ${count}`)
  return [
    `${report.database}, seed ${report.seed}, ${report.whenCacheFails}, protocol ${nameOf(report.variant)}: ` +
      `${report.seconds} s, ${report.processes} processes (${report.processesStarted} started), ` +
      `${report.servers} memcached servers`,
    '',
    `operations     ${operations.reads} reads, ${operations.acknowledgedWrites} acknowledged writes, ${operations.lists} listings`,
    `               ${operations.unknownOutcomes} writes of unknown outcome, slowest ${operations.slowestMs} ms`,
    `rejected       ${rejected.join(', ') || 'none'}`,
    `faults         ${total}`,
    ...Object.entries(faults).map(([label, count]) => `  ${String(count).padStart(6)} ${label}`),
    `lost to chance ${report.lostMarks} marks, ${report.lostLeases} leases evicted or overtaken`,
    `relayed        ${report.relayedRows} rows of dead or cut-off writers`,
    `allowed        ${allowed.staleAfterUnconfirmed} stale reads after ${operations.unconfirmedWrites} unconfirmed writes, ` +
      `${allowed.stepsBack} steps back (the cache did not answer, or a listing before the write resolved)`,
    `healing        longest ${report.longestHealMs} ms after a fault, ${report.longestBehindMs} ms in all; ` +
      `all agreed and settled ${report.healedAfterMs} ms after the end`,
    '',
    `stale reads    ${report.staleReads}`,
    `lost writes    ${report.lostWrites}`,
    `other wrongs   ${report.otherViolations}`,
  ].join('\n')
}

function nameOf(variant: string): string {
  return variant === 'none' ? 'as it is' : variant
}

/** Violations told one by one; the rest is counted. */
const TOLD = 20
/** What was done around a violation, in microseconds. */
const AROUND_US = 3_000_000

/** A history that failed, to be read by a person: what is wrong, and what was done with that key around it. */
export function historyText(result: ChaosResult): string {
  const { violations } = result.verdict
  const told = violations.slice(0, TOLD).map((violation) => storyOf(violation, result))
  const left = violations.length - told.length
  return [textOf(reportOf(result)), '', ...told, ...(left > 0 ? [`… and ${left} more`] : []), ''].join('\n')
}

function storyOf({ kind, key, message }: Violation, { history, faults }: ChaosResult): string {
  const moments = [...message.matchAll(/\b\d{9,}\b/g)].map(([text]) => Number(text))
  const from = Math.min(...moments) - AROUND_US
  const to = Math.max(...moments) + AROUND_US
  const lines =
    moments.length === 0
      ? []
      : [
          ...history.operations.filter((operation) => concerns(operation, key)).map(lineOfOperation),
          ...faults.map(lineOfFault),
        ]
          .filter(({ start, end }) => end >= from && start <= to)
          .sort((a, b) => a.start - b.start)
  return [`== ${kind}: ${message}`, ...lines.map(({ text }) => text), ''].join('\n')
}

interface TimedLine {
  readonly start: number
  readonly end: number
  readonly text: string
}

function concerns({ collection, name, kind }: Operation, key: string): boolean {
  return (
    keyOf(collection, name) === key ||
    (name === undefined && key.startsWith(`${collection}/`) && kind !== 'write')
  )
}

function lineOfOperation(operation: Operation): TimedLine {
  const { worker, id, kind, collection, name, value, start, ended, failed } = operation
  const end = (ended ?? failed)?.end
  const outcome =
    failed?.code ??
    (ended === undefined
      ? 'no answer'
      : [
          ended.written &&
            `version ${ended.written.version}${ended.written.unconfirmed ? ', unconfirmed' : ''}`,
          ended.written?.created === true && 'created',
          ended.reads
            ?.map((read) => `${read.name}=${read.value ?? 'nothing'}@${read.version ?? ''}`)
            .join(' '),
          ended.names && `[${ended.names.join(' ')}]`,
          ended.troubled && '(cache troubled)',
        ]
          .filter((part) => typeof part === 'string' && part !== '')
          .join(', '))
  const what = `${kind} ${keyOf(collection, name)}${value === undefined ? '' : ` ${value}`}`
  return { start, end: end ?? start, text: `${start}-${end ?? '?'} ${worker} ${id} ${what}: ${outcome}` }
}

function lineOfFault({ fault, start, end, tookPlace }: Inflicted): TimedLine {
  return {
    start,
    end,
    text: `${start}-${end} **** ${describe(fault)}${tookPlace ? '' : ' (nobody came there)'}`,
  }
}

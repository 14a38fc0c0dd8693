import type { Row } from './meter.js'
import { countText, timeText } from './text.js'

const HEADINGS = ['step', 'operations', 'hits', 'misses', 'database reads', 'time'] as const

/** A table for people: names to the left, numbers to the right. */
export function reportOf(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.step,
    ...[row.operations, row.hits, row.misses, row.databaseReads].map(countText),
    timeText(row.ms),
  ])
  const widths = HEADINGS.map((heading, i) =>
    Math.max(heading.length, ...cells.map((line) => line[i]?.length ?? 0)),
  )
  const lineOf = (line: readonly string[]): string =>
    line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ')
  const rule = widths.map((width) => '-'.repeat(width)).join('  ')
  return [lineOf(HEADINGS), rule, ...cells.map(lineOf)].join('\n')
}

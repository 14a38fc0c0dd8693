const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'] as const

/** `512 bytes`, `1.5 MB`. */
export function bytesText(bytes: number): string {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3))
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${UNITS[power]}`
}

export function countText(count: number): string {
  return count.toLocaleString('en-US')
}

export function timeText(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(2)} s`
}

/** For terminals: names of files may hold line breaks and control characters. */
export function nameText(name: string): string {
  return JSON.stringify(name)
}

/** Lines of equal width: the first column to the left, the others to the right. */
export function tableText(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = headings.map((heading, i) =>
    Math.max(heading.length, ...rows.map((row) => row[i]?.length ?? 0)),
  )
  const lineOf = (cells: readonly string[]): string =>
    widths.map((width, i) => (i === 0 ? cells[i]?.padEnd(width) : cells[i]?.padStart(width))).join('  ')
  return [headings, widths.map((width) => '-'.repeat(width)), ...rows].map(lineOf).join('\n')
}

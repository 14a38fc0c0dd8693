const UNITS = ['kB', 'MB', 'GB', 'TB'] as const

export function bytesText(bytes: number): string {
  let size = bytes
  let unit = 'bytes'
  for (const next of UNITS) {
    if (size < 1000) break
    size /= 1000
    unit = next
  }
  return unit === 'bytes' ? `${bytes} bytes` : `${size.toFixed(1)} ${unit}`
}

/** Steps stand in a column of their own; `listing again` is the longest. */
export function lineOf(step: string, text: string): string {
  return `${step.padEnd(13)}  ${text}`
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

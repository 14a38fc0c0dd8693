import { SingleBar } from 'cli-progress'
import { once } from 'node:events'
import type { Writable } from 'node:stream'

/** Where the command writes to; a bar is drawn where it is a terminal. */
export type Terminal = Writable & { readonly isTTY?: boolean; readonly columns?: number }

/** Where results go; messages for people that are no results go to `errors`. */
export class Output {
  readonly isJson: boolean
  readonly #results: Terminal
  readonly #errors: Terminal
  readonly #stop: AbortSignal
  #progress: Progress = SILENT

  constructor(results: Terminal, errors: Terminal, isJson: boolean, stop: AbortSignal) {
    this.#stop = stop
    this.#results = results
    this.#errors = errors
    this.isJson = isJson
  }

  /** Waits where the reader is slower, but not for one that reads no more while the work is to stop. */
  async write(bytes: Uint8Array | string): Promise<void> {
    if (this.#results.write(bytes)) return
    // The one that does not happen must not go on listening.
    const over = new AbortController()
    const signal = AbortSignal.any([over.signal, this.#stop])
    await Promise.race([
      once(this.#results, 'drain', { signal }),
      once(this.#results, 'close', { signal }),
    ]).finally(() => over.abort())
  }

  /** One line: the value as JSON, or what it is for people. */
  async result(value: unknown, text: string): Promise<void> {
    await this.write(`${this.isJson ? JSON.stringify(value) : text}\n`)
  }

  /** For people only. Ends the bar, which would erase the line. */
  note(text: string): void {
    this.#progress.end()
    if (!this.isJson) this.#errors.write(`${text}\n`)
  }

  /** A note on stderr that is no error. */
  warn(message: string): void {
    this.#progress.end()
    this.#errors.write(`${this.isJson ? JSON.stringify({ warning: { message } }) : message}\n`)
  }

  /** A bar on a terminal, and nothing elsewhere. `total` may grow. */
  progress(what: string, total: number): Progress {
    if (this.isJson || this.#errors.isTTY !== true) return SILENT
    const bar = new SingleBar({
      format: `${what} [{bar}] {value} of {total}, {eta_formatted} left`,
      stream: this.#errors,
      hideCursor: true,
      clearOnComplete: true,
    })
    bar.start(total, 0)
    this.#progress = {
      add: () => bar.increment(),
      grow: (more) => bar.setTotal(bar.getTotal() + more),
      end: () => {
        // A second time it would erase what was written since.
        if (bar.isActive) bar.stop()
      },
    }
    return this.#progress
  }
}

export interface Progress {
  add(): void
  grow(more: number): void
  end(): void
}

const SILENT: Progress = Object.freeze({
  add: () => undefined,
  grow: () => undefined,
  end: () => undefined,
})

/** For terminals: names may hold line breaks and control characters. */
export function nameText(name: string): string {
  return /^[^\p{C}"\\]+$/u.test(name) ? name : JSON.stringify(name)
}

const UNITS = ['kB', 'MB', 'GB', 'TB'] as const

export function bytesText(bytes: number): string {
  let size = bytes
  let unit = 'bytes'
  for (const next of UNITS) {
    if (size < 1_000) break
    size /= 1_000
    unit = next
  }
  return unit === 'bytes' ? `${bytes} bytes` : `${size.toFixed(1)} ${unit}`
}

/** `1 file`, `2 files`. */
export function countText(count: number, what: string): string {
  return `${count.toLocaleString('en-US')} ${what}${count === 1 ? '' : 's'}`
}

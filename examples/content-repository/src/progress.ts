import { bytesText, countText, lineOf } from './text.js'

const WIDTH = 30
const REDRAW_MS = 100
const USUAL_COLUMNS = 80

/** What is used of a terminal, or of what stands in its place. */
export interface Output {
  readonly isTTY?: boolean
  /** 0 where it is not known. */
  readonly columns?: number
  write(text: string): unknown
}

/** A bar that redraws itself on a terminal; nothing elsewhere. */
export class Progress {
  readonly #terminal: Output | undefined
  readonly #total: number
  #done = 0
  #bytes = 0
  #drawnAt = 0

  constructor(stream: Output, total: number) {
    this.#terminal = stream.isTTY ? stream : undefined
    this.#total = total
  }

  add(bytes: number): void {
    this.#done++
    this.#bytes += bytes
    const now = performance.now()
    if (now - this.#drawnAt < REDRAW_MS) return
    this.#drawnAt = now
    this.#draw()
  }

  /** Takes the bar away, so that the next line stands where it stood. */
  clear(): void {
    this.#terminal?.write('\r\x1b[K')
  }

  #draw(): void {
    const filled = Math.round((this.#done / this.#total) * WIDTH)
    const bar = '#'.repeat(filled) + '.'.repeat(WIDTH - filled)
    const numbers = `${countText(this.#done)} of ${countText(this.#total)} files, ${bytesText(this.#bytes)}`
    const line = lineOf('import', `[${bar}] ${numbers}`)
    const columns = this.#terminal?.columns || USUAL_COLUMNS
    // What wraps cannot be drawn over.
    this.#terminal?.write(`\r${line.slice(0, columns - 1)}\x1b[K`)
  }
}

import type { WriteStream } from 'node:tty'
import { bytesText, countText } from './text.js'

const WIDTH = 30
const REDRAW_MS = 100

/** A bar that redraws itself on a terminal; nothing elsewhere. */
export class Progress {
  readonly #terminal: WriteStream | undefined
  readonly #total: number
  #done = 0
  #bytes = 0
  #drawnAt = 0

  constructor(stream: NodeJS.WriteStream, total: number) {
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
    this.#terminal?.write(`\rimport       [${bar}] ${numbers}\x1b[K`)
  }
}

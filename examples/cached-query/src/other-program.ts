import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface, type Interface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'

/** A process that talks plain SQL to the database, past every cache. */
export class OtherProgram implements AsyncDisposable {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>
  readonly #lines: Interface
  readonly #ended: Promise<unknown>

  constructor(url: string) {
    const program = fileURLToPath(new URL('plain-client.js', import.meta.url))
    this.#process = spawn(process.execPath, [program], {
      env: { ...process.env, DATABASE_URL: url },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    // The end of the process reports whatever it has not read yet.
    this.#process.stdin.on('error', () => undefined)
    this.#ended = once(this.#process, 'exit')
    this.#lines = createInterface({ input: this.#process.stdout })
  }

  /** Resolves once the statement is committed. */
  async execute(sql: string): Promise<void> {
    this.#process.stdin.write(`${sql}\n`)
    const committed = once(this.#lines, 'line').then(() => true)
    if (!(await Promise.race([committed, this.#ended.then(() => false)])))
      throw new Error(`The other program failed, with the exit code ${String(this.#process.exitCode)}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.stdin.end()
    await this.#ended
  }
}

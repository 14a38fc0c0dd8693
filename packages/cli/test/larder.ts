import { run } from '@larder/cli'
import { servers } from '@larder/dev-servers/vitest'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

export const LARDER = fileURLToPath(new URL('../dist/bin.js', import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export interface Running {
  readonly ended: Promise<Ended>
  /** Resolves once this was written for people. */
  said(what: string): Promise<void>
  kill(signal: NodeJS.Signals): void
}

/** A folder to work in, with an empty database and a key prefix of its own in the memcached of the run. */
export class Workplace implements AsyncDisposable {
  readonly folder: string
  readonly env: Record<string, string>

  private constructor(folder: string) {
    this.folder = folder
    this.env = {
      DATABASE_URL: `sqlite:${join(folder, 'larder.sqlite')}`,
      MEMCACHE_SERVERS: servers.memcached.servers,
      LARDER_KEY_PREFIX: `cli-${randomUUID()}:`,
    }
  }

  static async open(): Promise<Workplace> {
    return new Workplace(await mkdtemp(join(tmpdir(), 'larder-cli-')))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true })
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  /** Runs the command to its end, in this process; with a terminal where that is asked for. */
  async run(
    args: readonly string[],
    input: string | AsyncIterable<Uint8Array> = '',
    isTTY = false,
    { signal } = new AbortController(),
  ): Promise<Ended> {
    const [stdout, stderr] = [new PassThrough(), Object.assign(new PassThrough(), { isTTY })]
    const [out, err] = [text(stdout), text(stderr)]
    const stdin = Readable.from(typeof input === 'string' ? [Buffer.from(input)] : input)
    const code = await run(args, { env: this.env, stdin, stdout, stderr, signal })
    stdout.end()
    stderr.end()
    return { code, out: await out, err: await err }
  }

  /** The same in a process of its own, which works in the folder. */
  async spawn(args: readonly string[], input = ''): Promise<Ended> {
    return this.start(args, input).ended
  }

  /** What the command prints with `--json`, a value a line. */
  async values(...args: readonly string[]): Promise<unknown[]> {
    const { out } = await this.run([...args, '--json'])
    return out.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as unknown]))
  }

  /** Runs the command in a process of its own, in the folder. */
  start(args: readonly string[], input = ''): Running {
    const env = { PATH: process.env['PATH'], ...this.env }
    const child = spawn(process.execPath, [LARDER, ...args], { cwd: this.folder, env })
    // Also after a test that timed out.
    onTestFinished(() => void child.kill('SIGKILL'))
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
    let heard = ''
    child.stderr.on('data', (chunk: Buffer) => {
      heard += chunk.toString()
    })
    const ended = Promise.all([
      text(child.stdout),
      text(child.stderr),
      new Promise<number | null>((resolve) => child.once('close', resolve)),
    ]).then(([out, err, code]) => ({ out, err, code }))
    return {
      ended,
      said: (what) =>
        new Promise((resolve, reject) => {
          const look = (): void => {
            if (heard.includes(what)) resolve()
          }
          child.stderr.on('data', look)
          child.once('close', () => reject(new Error(`It ended without saying so: ${heard}`)))
          look()
        }),
      kill: (signal) => void child.kill(signal),
    }
  }
}

import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { delimiter, dirname } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

/** What the program sees of the environment; nothing of the test run's own servers gets in by itself. */
export interface ExampleEnv {
  readonly DATABASE_URL?: string
  readonly MEMCACHE_SERVERS?: string
  readonly TMPDIR?: string
  /** An empty one hides every memcached. */
  readonly PATH?: string
}

export const WITHOUT_MEMCACHED: ExampleEnv = { PATH: '' }

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export type Example = ChildProcessByStdio<null, Readable, Readable>
/** The standard output is a file of the caller's. */
export type ExampleIntoFile = ChildProcessByStdio<null, null, Readable>

export function startExample(args: readonly string[], env?: ExampleEnv): Example
export function startExample(args: readonly string[], env: ExampleEnv, file: number): ExampleIntoFile
export function startExample(
  args: readonly string[],
  env: ExampleEnv = {},
  output: 'pipe' | number = 'pipe',
) {
  const { PATH = [process.env['PATH'], '/usr/bin'].join(delimiter), ...rest } = env
  return spawn(process.execPath, [MAIN, ...args], {
    env: { TMPDIR: process.env['TMPDIR'], PATH, ...rest },
    stdio: ['ignore', output, 'pipe'],
    cwd: dirname(MAIN),
  })
}

export async function runExample(args: readonly string[], env?: ExampleEnv): Promise<Outcome> {
  return outcomeOf(startExample(args, env))
}

export async function outcomeOf(example: Example | ExampleIntoFile): Promise<Outcome> {
  const [stdout, stderr] = [collect(example.stdout), collect(example.stderr)]
  const [code] = (await once(example, 'close')) as [number | null]
  return { code, stdout: stdout(), stderr: stderr() }
}

function collect(stream: Readable | null): () => string {
  const chunks: Buffer[] = []
  stream?.on('data', (chunk: Buffer) => chunks.push(chunk))
  return () => Buffer.concat(chunks).toString()
}

export interface TableRow {
  readonly operations: number
  readonly hits: number
  readonly misses: number
  readonly databaseReads: number
}

/** The line of the table at the end that is about this step. */
export function rowOf(step: string, { stdout }: Outcome): TableRow {
  const table = stdout.slice(stdout.indexOf('\nstep '))
  const line = table.split('\n').find((candidate) => candidate.startsWith(`${step}  `))
  const [operations, hits, misses, databaseReads] = (line ?? '')
    .split(/ {2,}/)
    .slice(1, 5)
    .map((cell) => Number(cell.replaceAll(',', '')))
  if (databaseReads === undefined || operations === undefined || hits === undefined || misses === undefined) {
    throw new Error(`There is no line for ${step} in:\n${stdout}`)
  }
  return { operations, hits, misses, databaseReads }
}

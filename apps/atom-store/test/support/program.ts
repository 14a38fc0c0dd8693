import { spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { delimiter } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

/** What the program sees of the environment; nothing of the test run's own servers gets in by itself. */
export interface ProgramEnv {
  readonly DATABASE_URL?: string
  readonly MEMCACHE_SERVERS?: string
  /** An empty one hides every memcached. */
  readonly PATH?: string
}

export interface ProgramOptions {
  readonly env?: ProgramEnv
  /** How many instances. Default: 1. */
  readonly ports?: number
  /** Of the test, where others run at the same time. */
  readonly onFinished?: (work: () => Promise<void>) => void
}

export interface Program {
  /** Of its instances, in the order of its ports. */
  readonly urls: readonly string[]
  readonly lines: readonly string[]
  /** Resolves once it has printed this line, and rejects where it ends without. */
  says(line: string): Promise<void>
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null>
}

/** Runs the store as a process of its own, on ports that are free, until the test ends. */
export async function startProgram(
  args: readonly string[],
  { env = {}, ports = 1, onFinished = onTestFinished }: ProgramOptions = {},
): Promise<Program> {
  const { PATH = [process.env['PATH'], '/usr/bin'].join(delimiter), ...rest } = env
  const portArguments = Array.from({ length: ports }, () => ['--port', '0']).flat()
  const child = spawn(process.execPath, [MAIN, ...portArguments, ...args], {
    env: { TMPDIR: process.env['TMPDIR'], PATH, ...rest },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const closed = once(child, 'close') as Promise<[number | null]>
  let complaints = ''
  child.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()))
  const end: Program['end'] = async (signal) => {
    child.kill(signal)
    return (await closed)[0]
  }
  onFinished(async () => void (await end('SIGKILL')))
  const lines: string[] = []
  const news = new EventEmitter()
  const over = closed.then(() => {
    throw new Error(`The program ended: ${complaints}`)
  })
  over.catch(() => undefined)
  createInterface(child.stdout).on('line', (line) => {
    lines.push(line)
    news.emit('line')
  })
  const until = async (isThere: () => boolean): Promise<void> => {
    while (!isThere()) await Promise.race([once(news, 'line'), over])
  }
  const urlsIn = (): string[] => lines.flatMap((line) => /^listening at (\S+)$/.exec(line)?.[1] ?? [])
  await until(() => urlsIn().length === ports)
  return { urls: urlsIn(), lines, says: (line) => until(() => lines.includes(line)), end }
}

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the program to its end. */
export async function runProgram(args: readonly string[], input = ''): Promise<Outcome> {
  const child = spawn(process.execPath, [MAIN, ...args], { env: { PATH: '' }, stdio: 'pipe' })
  const outcome = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name].on('data', (chunk: Buffer) => (outcome[name] += chunk.toString()))
  child.stdin.end(input)
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, ...outcome }
}

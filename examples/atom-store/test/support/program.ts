import { spawn } from 'node:child_process'
import { once } from 'node:events'
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

export interface Program {
  /** Of its instances, in the order of its ports. */
  readonly urls: readonly string[]
  readonly lines: readonly string[]
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null>
}

/** Runs the store as a process of its own, on ports that are free, until the test ends. */
export async function startProgram(
  args: readonly string[],
  env: ProgramEnv = {},
  ports = 1,
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
  onTestFinished(async () => void (await end('SIGKILL')))
  const lines: string[] = []
  const urls: string[] = []
  for await (const line of createInterface(child.stdout)) {
    lines.push(line)
    const url = /^listening at (\S+)$/.exec(line)?.[1]
    if (url !== undefined) urls.push(url)
    if (urls.length === ports) return { urls, lines, end }
  }
  throw new Error(`The program ended: ${complaints}`)
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

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const LOOPBACK = '127.0.0.1'
const MEGABYTES = '256'
const READY_WITHIN_MS = 5_000
const ATTEMPTS = 3

/**
 * Runs a program for as long as standard input stays open, which it does not survive this process, however that ends.
 */
const GUARD = 'exec 3<&0; "$@" 3<&- & child=$!; { read -r _ <&3; kill -9 $child; } & exec 3<&-; wait $child'

export interface PrivateMemcached {
  readonly address: string
  stop(): Promise<void>
}

/** Undefined where the program is not on the PATH, or does not start. */
export async function startMemcached(env: NodeJS.ProcessEnv): Promise<PrivateMemcached | undefined> {
  const program = findProgram('memcached', env['PATH'] ?? '')
  if (program === undefined) return undefined
  // Another process may take the port between the check and the start.
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = await freePort()
    const guard = run(program, port)
    if (await listens(guard, port)) return { address: `${LOOPBACK}:${port}`, stop: () => stop(guard) }
    await stop(guard)
  }
  return undefined
}

function run(program: string, port: number): ChildProcess {
  const args = ['-l', LOOPBACK, '-p', String(port), '-U', '0', '-m', MEGABYTES]
  // memcached refuses to run as root.
  if (process.getuid?.() === 0) args.push('-u', 'nobody')
  // In a group of its own, a Ctrl-C on the terminal reaches this process first, and the cache only at the end.
  const guard = spawn('/bin/sh', ['-c', GUARD, 'sh', program, ...args], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  guard.on('error', () => undefined)
  return guard
}

async function stop(guard: ChildProcess): Promise<void> {
  if (hasEnded(guard)) return
  const ended = once(guard, 'exit')
  guard.stdin?.end()
  await ended
}

async function listens(guard: ChildProcess, port: number): Promise<boolean> {
  const giveUpAt = performance.now() + READY_WITHIN_MS
  while (performance.now() < giveUpAt && !hasEnded(guard)) {
    if (await answers(port)) return !hasEnded(guard)
    await sleep(20)
  }
  return false
}

function hasEnded({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid === undefined || exitCode !== null || signalCode !== null
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, LOOPBACK)
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, LOOPBACK)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function findProgram(name: string, path: string): string | undefined {
  const candidates = path.split(delimiter).flatMap((folder) => (folder === '' ? [] : [join(folder, name)]))
  return candidates.find((candidate) => {
    try {
      accessSync(candidate, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A private memcached; `address` is what a client is given. */
export interface Memcached {
  readonly address: string
  readonly process: ChildProcess
  /** Kills it at once and starts it again, empty, at the same address. */
  restart(): Promise<void>
  stop(): Promise<void>
}

export interface MemcachedOptions {
  readonly args?: readonly string[]
  readonly unixSocket?: boolean
  readonly env?: Readonly<Record<string, string>>
}

export async function startMemcached(options: MemcachedOptions = {}): Promise<Memcached> {
  const folder = await mkdtemp(join(tmpdir(), 'larder-mc-'))
  const path = join(folder, 'memcached.sock')
  const port = options.unixSocket === true ? 0 : await freePort()
  const where =
    options.unixSocket === true ? ['-s', path] : ['-l', '127.0.0.1', '-p', String(port), '-U', '0']
  const target = options.unixSocket === true ? { path } : { host: '127.0.0.1', port }
  const start = async () => {
    const child = spawn(
      'memcached',
      [...where, ...(process.getuid?.() === 0 ? ['-u', 'root'] : []), ...(options.args ?? [])],
      {
        stdio: 'ignore',
        env: { ...process.env, ...options.env },
      },
    )
    await answers(child, target)
    return child
  }
  let child = await start()
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await exited
  }
  return {
    address: options.unixSocket === true ? path : `127.0.0.1:${port}`,
    get process() {
      return child
    },
    async restart() {
      await stop()
      child = await start()
    },
    async stop() {
      await stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function answers(
  child: ChildProcess,
  target: { path: string } | { host: string; port: number },
): Promise<void> {
  const failed = new Promise<never>((_, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`memcached ended with ${String(code)}`)))
  })
  for (let i = 0; i < 200; i++) {
    const isUp = new Promise<boolean>((resolve) => {
      const socket = connect(target, () => resolve(true))
      socket.on('connect', () => socket.destroy())
      socket.on('error', () => resolve(false))
    })
    if (await Promise.race([isUp, failed])) return void failed.catch(() => {})
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('memcached does not answer')
}

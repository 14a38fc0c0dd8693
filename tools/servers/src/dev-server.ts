import type { ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort, LOOPBACK } from './address.js'
import { makeFolder, removeFolder, spawnGuarded } from './guarded.js'
import { isAlive, processTree, signal, signalTree } from './process-tree.js'
import type { User } from './user.js'

const START_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 10_000
const START_ATTEMPTS = 5

/** How one kind of server is started, in a folder of its own. */
export interface Recipe {
  readonly name: string
  readonly command: string
  readonly user: User | undefined
  readonly env?: Readonly<Record<string, string>>
  /** Ends it in good order. */
  readonly stopSignal: NodeJS.Signals
  /** Ends it at once, when the process that started it is gone. */
  readonly abortSignal: NodeJS.Signals
  readonly args: (place: Place) => readonly string[]
  /** Whether it takes connections by now; `log` is what this run has printed so far. */
  readonly isReady: (place: Place, log: string, pid: number) => boolean
}

export interface Place {
  readonly folder: string
  readonly port: number
}

/** A private server on the loopback interface. It ends with this process, however that ends. */
export class DevServer implements AsyncDisposable {
  readonly host: string = LOOPBACK
  readonly folder: string
  readonly #recipe: Recipe
  #port: number
  #child: ChildProcess | undefined
  #log = ''

  protected constructor(recipe: Recipe, folder: string, port: number) {
    this.#recipe = recipe
    this.folder = folder
    this.#port = port
  }

  get port(): number {
    return this.#port
  }

  /** `host:port`. */
  get address(): string {
    return `${this.host}:${this.port}`
  }

  /** The process now; it changes with a restart. */
  get pid(): number {
    const pid = this.#child?.pid
    if (pid === undefined) throw new Error(`${this.#recipe.name} is not running`)
    return pid
  }

  get running(): boolean {
    return this.#child !== undefined
  }

  /** What the server printed since its last start. */
  get log(): string {
    return this.#log
  }

  /** Ends the server in good order and removes its folder. Idempotent. */
  async stop(): Promise<void> {
    await this.#end(this.#recipe.stopSignal)
    await removeFolder(this.folder)
  }

  /** SIGKILL to the server and all its workers. The folder stays: `restart()` brings the server back. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** Ends the server in good order where it runs, and starts it again on the same port and folder. */
  async restart(): Promise<void> {
    await this.#end(this.#recipe.stopSignal)
    await this.#start({ portIsFixed: true })
  }

  /** SIGSTOP: connections stay open and new ones are taken by the kernel, but nothing is answered. */
  pause(): void {
    signalTree(this.pid, 'SIGSTOP')
  }

  resume(): void {
    signalTree(this.pid, 'SIGCONT')
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /** For the constructors of the kinds: starts on the port given, else on a free one. */
  protected async begin(options: { readonly portIsFixed: boolean }): Promise<this> {
    try {
      await this.#start(options)
      return this
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  async #start({ portIsFixed }: { readonly portIsFixed: boolean }): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#startOnce()
        return
      } catch (error) {
        await this.#end('SIGKILL')
        // The likely reason is another process on the port that was found free.
        if (attempt === START_ATTEMPTS) throw error
        if (portIsFixed) await sleep(200 * attempt)
        else this.#port = await freePort()
      }
    }
  }

  async #startOnce(): Promise<void> {
    const { name, command, user, env, abortSignal, args, isReady } = this.#recipe
    const place: Place = { folder: this.folder, port: this.#port }
    const logFile = join(this.folder, 'server.log')
    const output = openSync(logFile, 'a')
    const logStart = statSync(logFile).size
    const child = spawnGuarded(command, args(place), {
      cwd: this.folder,
      env: { ...process.env, ...env },
      stdio: ['ignore', output, output],
      endWith: abortSignal,
      ...(user && { uid: user.uid, gid: user.gid }),
    })
    closeSync(output)
    this.#child = child
    let ended: string | undefined
    child.once('error', (error) => (ended = error.message))
    child.once('exit', (code, by) => (ended = `exit code ${code ?? by}`))
    child.once('exit', () => {
      if (this.#child === child) this.#child = undefined
    })
    const deadline = Date.now() + START_TIMEOUT_MS
    for (;;) {
      this.#log = readFileSync(logFile).subarray(logStart).toString()
      if (ended !== undefined) throw new Error(`${name} did not start (${ended}):\n${this.#log}`)
      if (child.pid !== undefined && isReady(place, this.#log, child.pid)) return
      if (Date.now() > deadline) throw new Error(`${name} was not ready in time:\n${this.#log}`)
      await sleep(10)
    }
  }

  async #end(by: NodeJS.Signals): Promise<void> {
    const child = this.#child
    if (child?.pid === undefined) return
    const tree = processTree(child.pid)
    const gone = new Promise<void>((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) resolve()
      child.once('exit', () => resolve())
    })
    child.ref()
    if (by === 'SIGKILL') signalTree(child.pid, by)
    else signal(child.pid, by)
    signalTree(child.pid, 'SIGCONT')
    const late = setTimeout(() => {
      for (const pid of tree) signal(pid, 'SIGKILL')
    }, STOP_TIMEOUT_MS)
    await gone
    clearTimeout(late)
    // The server's workers see its end a moment later, and hold its shared memory until then.
    const deadline = Date.now() + STOP_TIMEOUT_MS
    while (tree.some(isAlive) && Date.now() < deadline) await sleep(5)
  }
}

/** The folder and port for a new server. */
export async function newPlace(user: User | undefined, port?: number): Promise<Place> {
  return { folder: makeFolder(user), port: port ?? (await freePort()) }
}

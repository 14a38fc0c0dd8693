import { spawnGuarded } from '@larder/dev-servers'
import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ProcessFault } from './faults.js'
import type { Command, Line, WorkerOrders } from './messages.js'
import type { Order } from './steps.js'

/** How long a process may take to come to a step; a step that nobody comes to is no fault. */
const ARRIVAL_MS = 2_000
/** A process that does not end within this time hangs. */
const END_MS = 30_000

type Hear = (line: Line) => void

/** A process that works, and what is said by it. */
class Worker {
  readonly id: string
  readonly ready: Promise<void>
  readonly ended: Promise<void>
  readonly #process: ChildProcess
  readonly #waiting = new Map<Line['say'], () => void>()
  readonly #closed: Promise<void>
  #isExpectedToEnd = false
  #errors = ''

  constructor(orders: WorkerOrders, hear: Hear) {
    this.id = orders.id
    const script = fileURLToPath(new URL('worker.js', import.meta.url))
    this.#process = spawnGuarded(process.execPath, [script, JSON.stringify(orders)], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      endWith: 'SIGKILL',
    })
    this.#process.on('error', () => undefined)
    this.ready = this.#hears('ready')
    this.#process.stderr?.on('data', (chunk: Buffer) => (this.#errors += chunk.toString()))
    const { stdout } = this.#process
    if (stdout === null) throw new Error('A process without output')
    const lines = createInterface({ input: stdout })
    lines.on('line', (text) => {
      const line = JSON.parse(text) as Line
      hear(line)
      this.#waiting.get(line.say)?.()
    })
    this.ended = new Promise((resolve) => lines.once('close', resolve))
    // After its exit, and after all that it wrote was read.
    this.#closed = new Promise((resolve) => this.#process.once('close', resolve))
  }

  /** How it ended, and what it wrote to its standard error, where it has ended without being told. */
  async collapse(): Promise<string | undefined> {
    await this.ended
    if (this.#isExpectedToEnd) return undefined
    await this.#closed
    const { exitCode, signalCode } = this.#process
    const how = signalCode ?? `with code ${exitCode}`
    return `${this.id} ended by itself ${how}: ${this.#errors.trim() || 'nothing on standard error'}`
  }

  async kill(): Promise<void> {
    this.#isExpectedToEnd = true
    this.#process.kill('SIGKILL')
    await this.ended
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process.kill(name)
  }

  /** Whether it came to the step in time, and died or stands still there. */
  async obey(order: Order): Promise<boolean> {
    if (order.action === 'die') this.#isExpectedToEnd = true
    const arrived = this.#hears('at').then(() => true)
    this.#tell({ say: 'at', ...order })
    const ended = this.ended.then(() => true)
    if (await Promise.race([arrived, ended, sleep(ARRIVAL_MS, false, { ref: false })])) return true
    this.#tell({ say: 'go on' })
    return false
  }

  /** Whether it has ended what it was doing. It goes on relaying. */
  async rest(): Promise<boolean> {
    const resting = this.#hears('resting').then(() => true)
    this.#tell({ say: 'rest' })
    return Promise.race([resting, sleep(END_MS, false, { ref: false })])
  }

  /** Whether it has ended in good order. */
  async end(): Promise<boolean> {
    this.#isExpectedToEnd = true
    this.#tell({ say: 'end' })
    const ended = this.ended.then(() => this.#process.exitCode === 0 || this.#process.exitCode === null)
    return Promise.race([ended, sleep(END_MS, false, { ref: false })])
  }

  #tell(command: Command): void {
    if (this.#process.connected) this.#process.send(command, () => undefined)
  }

  #hears(word: Line['say']): Promise<void> {
    return new Promise((resolve) => this.#waiting.set(word, resolve))
  }
}

export interface CrewOptions {
  readonly size: number
  /** What a process is told that starts in this place. */
  readonly ordersOf: (place: number, id: string) => WorkerOrders
  readonly hear: (line: Line, workerId: string) => void
  /** What it had begun and not told of will never be told of. */
  readonly gone: (workerId: string) => void
  /** It was not to end. */
  readonly collapsed: (told: string) => void
}

/** So many processes at any time: for one that dies another one starts. */
export class Crew implements AsyncDisposable {
  readonly #options: CrewOptions
  readonly #places: Worker[] = []
  #started = 0

  private constructor(options: CrewOptions) {
    this.#options = options
  }

  static async start(options: CrewOptions): Promise<Crew> {
    const crew = new Crew(options)
    for (let place = 0; place < options.size; place++) crew.#places.push(crew.#start(place))
    await Promise.all(crew.#places.map(({ ready, ended }) => Promise.race([ready, ended])))
    return crew
  }

  /** Processes ever started. */
  get started(): number {
    return this.#started
  }

  /** Resolves, when the fault is over, to whether it took place. */
  async inflict(fault: ProcessFault): Promise<boolean> {
    const worker = this.#at(fault.worker)
    switch (fault.kind) {
      case 'kill':
        await this.#replace(fault.worker)
        return true
      case 'kill at': {
        const arrived = await worker.obey({ step: fault.step, action: 'die' })
        await this.#replace(fault.worker)
        return arrived
      }
      case 'stop':
        worker.signal('SIGSTOP')
        await sleep(fault.ms)
        worker.signal('SIGCONT')
        return true
      case 'stop at': {
        const arrived = await worker.obey({ step: fault.step, action: 'stop' })
        await sleep(fault.ms)
        worker.signal('SIGCONT')
        return arrived
      }
    }
  }

  /** The processes that did not end what they were doing in time. */
  async rest(): Promise<string[]> {
    const rested = await Promise.all(this.#places.map((worker) => worker.rest()))
    return this.#places.filter((_, i) => !rested[i]).map(({ id }) => `${id} did not come to rest`)
  }

  /** The processes that did not end in time, or not in good order. */
  async end(): Promise<string[]> {
    const ended = await Promise.all(this.#places.map((worker) => worker.end()))
    return this.#places.filter((_, i) => !ended[i]).map(({ id }) => `${id} did not end in good order`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#places.map((worker) => worker.kill()))
  }

  async #replace(place: number): Promise<void> {
    await this.#at(place).kill()
    const worker = this.#start(place)
    this.#places[place] = worker
    await Promise.race([worker.ready, worker.ended])
  }

  #start(place: number): Worker {
    const id = `w${++this.#started}`
    const { ordersOf, hear, gone, collapsed } = this.#options
    const worker = new Worker(ordersOf(place, id), (line) => hear(line, id))
    void worker.collapse().then((told) => {
      gone(id)
      if (told !== undefined) collapsed(told)
    })
    return worker
  }

  #at(place: number): Worker {
    const worker = this.#places[place]
    if (worker === undefined) throw new RangeError(`There is no process ${place}`)
    return worker
  }
}

import type { Environment } from '@larder/storage-memcache'

interface Step {
  readonly label: string
  /** Undefined: the world's own, which outlives every process. */
  readonly process: SimProcess | undefined
  readonly run: () => void
}

interface Timer {
  readonly at: number
  readonly process: SimProcess
  readonly wake: () => void
}

/** A process of the simulated world: what it waits for never comes once it is dead. */
export class SimProcess {
  readonly name: string
  readonly died: Promise<void>
  isDead = false
  #die!: () => void

  constructor(name: string) {
    this.name = name
    this.died = new Promise((resolve) => (this.#die = resolve))
  }

  kill(): void {
    this.isDead = true
    this.#die()
  }
}

/**
 * Runs real code one step at a time: every answer of a server or database is a step that waits until a seeded die
 * picks it. The same seed gives the same run.
 */
export class Scheduler {
  readonly #die: () => number
  readonly #trace: string[] = []
  #steps: Step[] = []
  #timers: Timer[] = []
  #nowMs = 1_000_000
  #ids = 0

  constructor(seed: number) {
    this.#die = mulberry32(seed)
  }

  get nowMs(): number {
    return this.#nowMs
  }

  /** What happened, a line a step. */
  get trace(): readonly string[] {
    return this.#trace
  }

  note(line: string): void {
    this.#trace.push(line)
  }

  random(): number {
    return this.#die()
  }

  chance(probability: number): boolean {
    return this.#die() < probability
  }

  pick<T>(list: readonly T[]): T {
    const picked = list[Math.floor(this.#die() * list.length)]
    if (picked === undefined) throw new Error('Nothing to pick from')
    return picked
  }

  /** Waits for its turn. Never resolves for a process that died meanwhile. */
  step(label: string, process?: SimProcess): Promise<void> {
    return new Promise((resolve) => this.#steps.push({ label, process, run: resolve }))
  }

  sleep(ms: number, process: SimProcess): Promise<void> {
    return new Promise((wake) => this.#timers.push({ at: this.#nowMs + ms, process, wake }))
  }

  /** The library's view of the world from within a process. */
  environment(process: SimProcess): Environment {
    return {
      now: () => this.#nowMs,
      wallClock: () => this.#nowMs,
      random: () => this.#die(),
      sleep: (ms) => this.sleep(ms, process),
      idle: (ms) => this.sleep(ms, process),
      uniqueId: () => `id${++this.#ids}`,
      defer: (callback) => queueMicrotask(callback),
    }
  }

  /** Runs until `goal` is reached. Throws after `maxSteps`, which a protocol that gets nowhere would take. */
  async run(goal: Promise<unknown>, maxSteps = 50_000): Promise<void> {
    let reached = false
    void goal.then(() => (reached = true))
    for (let count = 0; count < maxSteps; count++) {
      await quiescence()
      if (reached) return
      this.#steps = this.#steps.filter(({ process }) => process?.isDead !== true)
      this.#timers = this.#timers.filter(({ process }) => !process.isDead)
      if (this.#steps.length === 0 && this.#timers.length === 0) throw new Error('Nothing is left to happen')
      // Time passes when nothing else can happen, and now and then while something could.
      if (this.#steps.length === 0 || (this.#timers.length > 0 && this.chance(0.05))) this.#passTime()
      else this.#runStep()
    }
    throw new Error(`The simulation did not end:\n${this.#trace.slice(-50).join('\n')}`)
  }

  #runStep(): void {
    const index = Math.floor(this.#die() * this.#steps.length)
    const [step] = this.#steps.splice(index, 1)
    if (step === undefined) return
    this.note(step.label)
    step.run()
  }

  #passTime(): void {
    this.#timers.sort((a, b) => a.at - b.at)
    const timer = this.#timers.shift()
    if (timer === undefined) return
    this.#nowMs = Math.max(this.#nowMs, timer.at)
    timer.wake()
  }
}

/** All microtasks have run, and what they led to. */
function quiescence(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** A small generator of pseudo-random numbers with 32 bits of state. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

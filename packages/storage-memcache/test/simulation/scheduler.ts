import type { Environment } from '@larder/memcached'
import { mulberry32 } from './random.js'

interface Step {
  readonly label: string
  /** Undefined: the world's own, which outlives every process. */
  readonly process: SimProcess | undefined
  readonly run: () => void
}

interface Timer {
  readonly at: number
  readonly process: SimProcess | undefined
  readonly wake: () => void
}

/** Node's own, whatever stands in for it while a run lasts. */
const nodeImmediate = globalThis.setImmediate
/** How many steps are run in one turn of the event loop, whose turns cost more than a step. */
const STEPS_A_TURN = 64

/** A process of the simulated world: what it waits for never comes once it is dead. */
export class SimProcess {
  readonly name: string
  readonly died: Promise<void>
  /** How wrong its clock of the day is. */
  clockErrorMs = 0
  isDead = false
  /** Stopped, as by SIGSTOP: nothing that it waits for comes before it goes on. */
  isStopped = false
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
  readonly #timeRate: number
  readonly #trace: string[] | undefined
  #steps: Step[] = []
  #timers: Timer[] = []
  #nowMs = 1_000_000
  #ids = 0

  /** `timeRate`: how likely time goes on although something else could happen. `isWatched`: keeps a trace. */
  constructor(seed: number, timeRate: number, isWatched: boolean) {
    this.#die = mulberry32(seed)
    this.#timeRate = timeRate
    this.#trace = isWatched ? [] : undefined
  }

  get isWatched(): boolean {
    return this.#trace !== undefined
  }

  get nowMs(): number {
    return this.#nowMs
  }

  /** What happened, a line a step. */
  get trace(): readonly string[] {
    return this.#trace ?? []
  }

  note(line: string): void {
    this.#trace?.push(`${((this.#nowMs - 1_000_000) / 1_000).toFixed(3).padStart(8)}  ${line}`)
  }

  random(): number {
    return this.#die()
  }

  chance(probability: number): boolean {
    return probability > 0 && this.#die() < probability
  }

  pick<T>(list: readonly T[]): T {
    const picked = list[Math.floor(this.#die() * list.length)]
    if (picked === undefined) throw new Error('Nothing to pick from')
    return picked
  }

  /** Waits for its turn. Never resolves for a process that died meanwhile. An empty label leaves no trace. */
  step(label: string, process?: SimProcess): Promise<void> {
    return new Promise((resolve) => this.#steps.push({ label, process, run: resolve }))
  }

  sleep(ms: number, process?: SimProcess): Promise<void> {
    return new Promise((resolve) => this.after(ms, process, resolve))
  }

  /** Calls back when that time has passed, unless the process died; the answer forgets it. */
  after(ms: number, process: SimProcess | undefined, wake: () => void): () => void {
    const timer = { at: this.#nowMs + ms, process, wake }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  /** The library's view of the world from within a process. */
  environment(process: SimProcess): Environment {
    return {
      now: () => this.#nowMs,
      // No two machines agree on it.
      wallClock: () => this.#nowMs + process.clockErrorMs,
      random: () => this.#die(),
      sleep: (ms) => this.sleep(ms, process),
      idle: (ms) => this.sleep(ms, process),
      uniqueId: () => `id${++this.#ids}`,
      defer: (callback) => queueMicrotask(callback),
    }
  }

  /** Runs until `goal` is reached. Throws after `maxSteps`, which a protocol that gets nowhere would take. */
  run(goal: Promise<unknown>, maxSteps = 50_000): Promise<void> {
    let reached = false
    let failure: Error | undefined
    goal.then(
      () => (reached = true),
      (error: unknown) => (failure = (error as Error | undefined) ?? new Error('The goal was missed')),
    )
    let count = 0
    return new Promise((resolve, reject) => {
      let ended = false
      // Between two immediates of one turn, Node runs all microtasks and what they lead to.
      const tick = () => {
        if (ended) return
        try {
          if (failure !== undefined) throw failure
          if (reached) {
            ended = true
            return resolve()
          }
          if (++count > maxSteps) throw new Error('The simulation did not end')
          this.#next()
        } catch (error) {
          ended = true
          reject(error instanceof Error ? error : new Error(String(error)))
        }
      }
      const turn = () => {
        if (ended) return
        for (let i = 0; i < STEPS_A_TURN; i++) nodeImmediate(tick)
        nodeImmediate(turn)
      }
      turn()
    })
  }

  /** Time passes when nothing else can happen, and now and then while something could. */
  #next(): void {
    if (this.#timers.length > 0 && this.chance(this.#timeRate) && this.#passTime()) return
    if (this.#runStep() || this.#passTime()) return
    throw new Error('Nothing is left to happen')
  }

  #runStep(): boolean {
    while (this.#steps.length > 0) {
      const index = Math.floor(this.#die() * this.#steps.length)
      const step = this.#steps[index]
      if (step === undefined) return false
      const { isDead = false, isStopped = false } = step.process ?? {}
      if (!isDead && isStopped && this.#steps.every(({ process }) => process?.isStopped === true))
        return false
      if (!isDead && isStopped) continue
      this.#steps[index] = this.#steps.at(-1) ?? step
      this.#steps.pop()
      if (isDead) continue
      if (step.label !== '') this.note(step.label)
      step.run()
      return true
    }
    return false
  }

  #passTime(): boolean {
    let next: Timer | undefined
    this.#timers = this.#timers.filter(({ process }) => process?.isDead !== true)
    for (const timer of this.#timers) {
      if (timer.process?.isStopped !== true && (next === undefined || timer.at < next.at)) next = timer
    }
    if (next === undefined) return false
    this.#timers.splice(this.#timers.indexOf(next), 1)
    this.#nowMs = Math.max(this.#nowMs, next.at)
    next.wake()
    return true
  }
}

import { systemEnvironment } from '@larder/memcached'

/** Time that passes when the test says so. */
export class Clock {
  #nowMs = 0
  #sleepers: { at: number; wake: () => void }[] = []
  readonly #sleep = (ms: number) =>
    new Promise<void>((wake) => this.#sleepers.push({ at: this.#nowMs + ms, wake }))
  readonly environment = {
    ...systemEnvironment,
    now: () => this.#nowMs,
    sleep: this.#sleep,
    idle: this.#sleep,
  }

  async pass(ms: number): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    this.#nowMs += ms
    const due = this.#sleepers.filter(({ at }) => at <= this.#nowMs)
    this.#sleepers = this.#sleepers.filter(({ at }) => at > this.#nowMs)
    for (const { wake } of due) wake()
    await new Promise((resolve) => setImmediate(resolve))
  }
}

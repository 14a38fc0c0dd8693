import type { Call } from './call.js'
import { Fifo } from './fifo.js'

interface Turn {
  readonly calls: Fifo<Call>
  /** When the batch came, or had its last turn. */
  since: number
}

/** Commands of batches for which there is no room on the connection yet. The batches take turns, a command each. */
export class BatchLine {
  /** By batch; whose turn is next comes first. */
  readonly #turns = new Map<object, Turn>()
  #size = 0

  /** How many commands wait. */
  get size(): number {
    return this.#size
  }

  /** Since when the batch whose turn is next has had none. */
  get since(): number | undefined {
    return this.#first()?.[1].since
  }

  join(batch: object, call: Call, now: number): void {
    let turn = this.#turns.get(batch)
    if (turn === undefined) this.#turns.set(batch, (turn = { calls: new Fifo(), since: now }))
    turn.calls.push(call)
    this.#size++
  }

  /** The command whose turn is next. */
  peek(): Call | undefined {
    return this.#first()?.[1].calls.peek()
  }

  /** Takes the command whose turn it is; its batch is behind the others from then on. */
  shift(now: number): void {
    const first = this.#first()
    if (first === undefined) return
    const [batch, turn] = first
    turn.calls.shift()
    turn.since = now
    this.#size--
    if (turn.calls.size > 0 && this.#turns.size === 1) return
    this.#turns.delete(batch)
    if (turn.calls.size > 0) this.#turns.set(batch, turn)
  }

  #first(): [object, Turn] | undefined {
    for (const entry of this.#turns) return entry
    return undefined
  }
}

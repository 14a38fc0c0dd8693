import { StorageError } from '@larder/storage-core'
import type { QueryRunner } from 'typeorm'

/** Waits for others, and returns what lets the next one. */
export type Turn = () => Promise<() => void>

/** What a transaction on SQLite must wait for. */
export interface Turns {
  /** Until nobody has a transaction on its connection. */
  readonly start: Turn
  /** Until nobody else writes to the file; undefined where `start` is the same. */
  readonly write: Turn | undefined
}

/** The turns that the open transaction of each query runner waits for or has. */
export class HeldTurns {
  readonly #held = new WeakMap<QueryRunner, Map<Turn, Promise<() => void>>>()

  async begin(runner: QueryRunner, { start }: Turns): Promise<void> {
    const end = await start()
    this.#held.set(runner, new Map([[start, Promise.resolve(end)]]))
  }

  /** Statements that come at once wait for one turn: a second one would wait for the transaction itself. */
  async take(runner: QueryRunner, turn: Turn): Promise<void> {
    const held = this.#held.get(runner)
    if (held === undefined) return
    const taking = held.get(turn) ?? turn()
    held.set(turn, taking)
    try {
      await taking
    } catch (error) {
      held.delete(turn)
      throw error
    }
    if (this.#held.get(runner) !== held) throw new StorageError('E_CLOSED', 'The transaction has ended')
  }

  /** Also turns that are granted later, after the transaction that asked for them has ended. */
  give(runner: QueryRunner): void {
    for (const taking of this.#held.get(runner)?.values() ?? []) {
      taking.then(
        (end) => end(),
        () => undefined,
      )
    }
    this.#held.delete(runner)
  }
}

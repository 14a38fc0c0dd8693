import type { Call } from './call.js'

/** How much of one kind may wait on a connection. */
export interface RoomLimits {
  readonly commands: number
  readonly bytes: number
}

/** What waits on a connection of one kind, unsent or unanswered. */
export class Room {
  readonly #limits: RoomLimits
  #commands = 0
  #bytes = 0

  constructor(limits: RoomLimits) {
    this.#limits = limits
  }

  get commands(): number {
    return this.#commands
  }

  get bytes(): number {
    return this.#bytes
  }

  /** A command that is larger than all of the room is let in alone. */
  admits(call: Call): boolean {
    const { commands, bytes } = this.#limits
    return this.#commands === 0 || (this.#commands < commands && this.#bytes + call.bytes <= bytes)
  }

  enter(call: Call): void {
    this.#commands++
    this.#bytes += call.bytes
  }

  leave(call: Call): void {
    this.#commands--
    this.#bytes -= call.bytes
  }
}

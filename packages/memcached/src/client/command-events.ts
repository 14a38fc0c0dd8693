import { channel } from 'node:diagnostics_channel'

/** Published for each command of a `MemcacheClient`. */
export interface CommandEvent {
  readonly command: string
  /** How many keys it is about; 0 for commands to the servers themselves. */
  readonly keys: number
  readonly durationMs: number
  /** Undefined where it succeeded. */
  readonly error: unknown
}

/** The name of the `node:diagnostics_channel` on which a `CommandEvent` is published for each command. */
export const COMMAND_CHANNEL = 'larder:memcache:command'
export const commandEvents = channel(COMMAND_CHANNEL)

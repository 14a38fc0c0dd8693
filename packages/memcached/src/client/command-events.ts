import { type WorkChannel, type WorkEvent } from '@larder/storage-core/base'
import { tracingChannel } from 'node:diagnostics_channel'

/** A call of a `MemcacheClient`: `items` are its keys, 0 for commands to the servers themselves. */
export type CommandEvent = WorkEvent

/** The tracing channel `larder:memcache:command`: calls of `MemcacheClient`s. */
export const commandChannel: WorkChannel<CommandEvent> = tracingChannel<CommandEvent, CommandEvent>(
  'larder:memcache:command',
)

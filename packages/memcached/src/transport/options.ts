import {
  booleanOption,
  durationOption,
  functionOption,
  MAX_TIMER_MS,
  numberOption,
  optionTable,
  resolveOptions,
  type OptionsOf,
  type ResolvedOptions,
} from '@larder/storage-core/base'
import { awakeNow } from './awake-time.js'

/** More would only wait for one another: a server has a handful of threads. */
const MAX_CONNECTIONS_PER_SERVER = 100

/** How one server is spoken to. All durations in milliseconds. */
export const CHANNEL_OPTIONS = optionTable({
  /**
   * Within which every command is settled, counted from the call, without time in which the process stood still.
   * Default: 500.
   */
  timeoutMs: durationOption(500),
  /** Within which a connection must be open and authenticated. Default: 1,000. */
  connectTimeoutMs: durationOption(1000),
  /** How long a server that does not answer is left alone; then one command probes it. Default: 2,000. */
  deadTimeoutMs: durationOption(2000),
  /** Keys are shared among them: a key always goes by the same one. Default: 1. */
  connectionsPerServer: numberOption({ min: 1, max: MAX_CONNECTIONS_PER_SERVER, isInteger: true }, 1),
  /**
   * Whether an idle connection keeps the process running until the client is closed. A command in flight always does.
   * Default: true.
   */
  holdsProcess: booleanOption(true),
  /**
   * Commands that may wait on a connection to a server. Further ones reject with `E_OVERLOADED`. Commands of batches have
   * places of their own, half as many and at most 1,000; further ones wait for a place. Default: 10,000.
   */
  maxQueuedCommands: numberOption({ min: 1, max: MAX_TIMER_MS, isInteger: true }, 10_000),
  /**
   * Bytes of keys and values that may wait on a connection to a server, and half as many for batches. A larger command
   * waits alone. Default: 64 MiB.
   */
  maxQueuedBytes: numberOption({ min: 1, max: MAX_TIMER_MS, isInteger: true }, 64 * 1024 * 1024),
  /** A clock in milliseconds, for tests. Default: `performance.now` without time in which the event loop stood still. */
  now: functionOption<() => number>(awakeNow),
})

export interface ChannelOptions extends ResolvedOptions<typeof CHANNEL_OPTIONS> {
  /** The cache that the connections belong to: its tokens are told from those of others. */
  readonly home?: object
}

/** All of them. What cannot be honoured is a `TypeError` or `RangeError`. */
export function resolveChannelOptions(options: OptionsOf<typeof CHANNEL_OPTIONS> = {}): ChannelOptions {
  return resolveOptions('A connection', CHANNEL_OPTIONS, options)
}

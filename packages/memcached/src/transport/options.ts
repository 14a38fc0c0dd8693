import type { NamesOf } from '@larder/storage-core/base'

/** How one server is spoken to. All durations in milliseconds. */
export interface ChannelOptions {
  /** Within which every command is settled, counted from the call. */
  readonly timeoutMs: number
  /** Within which a connection must be open and authenticated. */
  readonly connectTimeoutMs: number
  /** How long a server that does not answer is left alone; then one command probes it. */
  readonly deadTimeoutMs: number
  /** Keys are shared among them: a key always goes by the same one. Default: 1. */
  readonly connectionsPerServer: number
  /** Commands that may wait for one server; a batch counts as one. Further ones reject with `E_OVERLOADED`. */
  readonly maxQueuedCommands: number
  /** Bytes of keys and values that may wait for one server. A command larger than this waits alone. */
  readonly maxQueuedBytes: number
  /** A clock that never steps back, in milliseconds. */
  readonly now: () => number
}

export const CHANNEL_NAMES: NamesOf<ChannelOptions> = Object.freeze({
  timeoutMs: true,
  connectTimeoutMs: true,
  deadTimeoutMs: true,
  connectionsPerServer: true,
  maxQueuedCommands: true,
  maxQueuedBytes: true,
  now: true,
})

/** More would only wait for one another: a server has a handful of threads. */
const MAX_CONNECTIONS_PER_SERVER = 100

export const DEFAULT_CHANNEL_OPTIONS: ChannelOptions = Object.freeze({
  timeoutMs: 500,
  connectTimeoutMs: 1000,
  deadTimeoutMs: 2000,
  connectionsPerServer: 1,
  maxQueuedCommands: 10_000,
  maxQueuedBytes: 64 * 1024 * 1024,
  now: () => performance.now(),
})

/** Fills in the defaults and refuses what cannot be honoured with a `RangeError`. */
export function resolveChannelOptions(options: Partial<ChannelOptions>): ChannelOptions {
  const resolved = {
    timeoutMs: options.timeoutMs ?? DEFAULT_CHANNEL_OPTIONS.timeoutMs,
    connectTimeoutMs: options.connectTimeoutMs ?? DEFAULT_CHANNEL_OPTIONS.connectTimeoutMs,
    deadTimeoutMs: options.deadTimeoutMs ?? DEFAULT_CHANNEL_OPTIONS.deadTimeoutMs,
    connectionsPerServer: options.connectionsPerServer ?? DEFAULT_CHANNEL_OPTIONS.connectionsPerServer,
    maxQueuedCommands: options.maxQueuedCommands ?? DEFAULT_CHANNEL_OPTIONS.maxQueuedCommands,
    maxQueuedBytes: options.maxQueuedBytes ?? DEFAULT_CHANNEL_OPTIONS.maxQueuedBytes,
  }
  for (const [name, value] of Object.entries(resolved)) {
    // Timers hold 31 bits; more would fire at once.
    if (!(value > 0) || value > 0x7fff_ffff)
      throw new RangeError(`${name} must be more than 0, not ${String(value)}`)
  }
  const { connectionsPerServer } = resolved
  if (!Number.isInteger(connectionsPerServer) || connectionsPerServer > MAX_CONNECTIONS_PER_SERVER) {
    throw new RangeError(`connectionsPerServer must be an integer of 1 to ${MAX_CONNECTIONS_PER_SERVER}`)
  }
  return { ...resolved, now: options.now ?? DEFAULT_CHANNEL_OPTIONS.now }
}

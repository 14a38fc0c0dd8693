import type { RingHash } from './ring.js'

/** Options of npm `memcached`. Those without effect here are accepted, so that a program need not change them. */
export interface MemcachedOptions {
  /** The longest key in characters. Default: 250. */
  maxKeySize?: number
  /** No effect in npm `memcached` either: lifetimes go to the server as they are. */
  maxExpiration?: number
  /** The longest value in bytes. A larger number than 1 MiB must be what the servers were started with as `-I`. */
  maxValue?: number
  /** Commands that may be in flight; further ones call back with an error. Default: -1, no limit. */
  maxQueueSize?: number
  /** The hash of keys and servers. Default: `'md5'`. */
  algorithm?: RingHash
  /** `'ketama'` or `'hash_ring'`. Default: `'ketama'`. */
  compatibility?: string
  /** Connections to a server; each key always uses the same one. Default: 10. */
  poolSize?: number
  /** Milliseconds within which every command calls back. Default: 5,000. */
  timeout?: number
  /** How often a server may fail before it is dead. Default: 5. */
  failures?: number
  /** Milliseconds after which `failures` counts anew. Default: 300,000. */
  failuresTimeout?: number
  /** Milliseconds for which a server that failed is left alone. Default: 30,000. */
  retry?: number
  /** Milliseconds between two attempts to reach a dead server. Default: 18,000,000. */
  reconnect?: number
  /** Whether a dead server loses its keys to the others. Default: false. */
  remove?: boolean
  /** Servers that take the place of dead ones, with `remove`. */
  failOverServers?: string[]
  /** Whether MD5 takes the place of too long keys; otherwise they are an error. Default: true. */
  keyCompression?: boolean
  /** Begins every key. */
  namespace?: string
  /** No effect: an idle connection does not keep the process running. */
  idle?: number
  /** No effect: every command calls back within `timeout`. */
  retries?: number
  /** No effect, as `retries`. */
  factor?: number
  /** No effect, as `retries`. */
  minTimeout?: number
  /** No effect, as `retries`. */
  maxTimeout?: number
  /** No effect, as `retries`. */
  randomize?: boolean
  /** No effect: keys are on one server only. */
  redundancy?: boolean | number
  /** No effect: the client has diagnostics channels. */
  debug?: boolean
  activeQueries?: number
}

type Used =
  | 'maxKeySize'
  | 'maxValue'
  | 'maxQueueSize'
  | 'algorithm'
  | 'compatibility'
  | 'poolSize'
  | 'timeout'
  | 'failures'
  | 'failuresTimeout'
  | 'retry'
  | 'reconnect'
  | 'remove'
  | 'keyCompression'
  | 'namespace'

/** With the defaults of npm `memcached`. */
export type Config = MemcachedOptions & Required<Pick<MemcachedOptions, Used>>

export const DEFAULTS: Config = {
  maxKeySize: 250,
  maxExpiration: 2_592_000,
  maxValue: 1_048_576,
  activeQueries: 0,
  maxQueueSize: -1,
  algorithm: 'md5',
  compatibility: 'ketama',
  poolSize: 10,
  retries: 5,
  factor: 3,
  minTimeout: 1000,
  maxTimeout: 60_000,
  randomize: false,
  reconnect: 18_000_000,
  timeout: 5000,
  failures: 5,
  failuresTimeout: 300_000,
  retry: 30_000,
  idle: 5000,
  remove: false,
  redundancy: false,
  keyCompression: true,
  namespace: '',
  debug: false,
}

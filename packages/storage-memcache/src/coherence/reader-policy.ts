import type { NearCounters } from './near-copies.js'

/** How one read gets what the slot does not have. */
export interface Source<V, C> {
  /** Asks for the value. `onStart` is called right before the question is sent. The bytes are the caller's. */
  load(onStart: () => void): Promise<V>
  /** What is stored of a value. */
  contentOf(value: V): C
  /** The reader waits for another's value, and may load later or never. */
  waits(): void
  /** How long a refreshing reader waits before it gets the old value, in milliseconds; 0: not at all. */
  readonly softTimeoutMs: number
  /** What a refreshing reader gets when `load` rejects. */
  readonly whenItFails: 'reject' | 'grace'
}

/** What the users of the kernel decide differently. */
export interface ReaderPolicy<V> {
  /** How long a reader waits for another's fill, in milliseconds. */
  readonly fillWaitMs: number
  /** What a reader does when the load that it has joined rejects. */
  readonly whenAnotherFails: 'look again' | 'reject'
  /** What a reader does whose server is down while a load is under way that began too early to be joined. */
  readonly whileDown: 'load' | 'wait'
  /**
   * The order of values. With one, a reader that went past the cache evicts what is older than it has read. Without, it
   * fills over the lease that it has seen: the owner is slow or dead.
   */
  readonly order: ValueOrder<V> | undefined
  /** A copy for a second caller. */
  readonly copyOf: (value: V) => V
}

/** Which of two values is older. */
export interface ValueOrder<V> {
  /** 0 for an absence. */
  versionOf(value: V): number
  /** Rejects if the server did not answer. */
  evictOlder(key: string, version: number): Promise<void>
}

/** What readers count. */
export interface ReaderCounters extends NearCounters {
  hits: number
  staleHits: number
  misses: number
  bypasses: number
  fills: number
  fillsRefused: number
  cacheErrors: number
}

import type { RemoteCacheOptions } from '@larder/memcached'
import type { ProtocolOptions } from '@larder/storage-memcache'
import type { SqlOptions } from '@larder/storage-sql'

/** Short, so that a minute sees many of them pass. */
export const CLIENT: RemoteCacheOptions = Object.freeze({
  timeoutMs: 250,
  connectTimeoutMs: 300,
  deadTimeoutMs: 200,
  // By number and not by name: the processes reach the same servers by different addresses.
  routing: { distribution: 'modula' } as const,
})

export const PROTOCOL: ProtocolOptions = Object.freeze({
  fillWaitMs: 50,
  leaseTtlMs: 2_000,
  // Longer than a transaction may take, by more than the margin of its commit.
  markTtlMs: 12_000,
  absentTtlMs: 20_000,
  confirmTimeoutMs: 2_000,
  relayIntervalMs: 250,
  relayAfterMs: 1_500,
})

export const DATABASE: SqlOptions = Object.freeze({
  poolSize: 6,
  queueTimeoutMs: 3_000,
  connectTimeoutMs: 1_500,
  statementTimeoutMs: 2_000,
  lockTimeoutMs: 1_500,
  transactionTimeoutMs: 4_000,
})

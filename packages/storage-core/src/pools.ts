import { tracingChannel } from 'node:diagnostics_channel'
import { processWide } from './process-wide.js'
import type { WorkChannel, WorkEvent } from './tracing.js'

/** The connections of a pool at one moment. */
export interface PoolState {
  /** Connections in use. */
  readonly used: number
  readonly idle: number
  /** Callers that wait for a connection. */
  readonly pending: number
}

/** An open pool of connections to a database. */
export interface WatchedPool {
  /** As OpenTelemetry's `db.system.name`. */
  readonly system: string
  /** Unique in this process. */
  readonly name: string
  /** Connections at most. */
  readonly limit: number
  state(): PoolState
}

/** A wait for a connection (`operation: 'wait'`), or the use of one (`'use'`). */
export interface PoolEvent extends WorkEvent {
  /** The name of the pool. */
  readonly pool: string
}

/** The tracing channel `larder:pool`: waits for connections, and their use. */
export const poolChannel: WorkChannel<PoolEvent> = tracingChannel<PoolEvent, PoolEvent>('larder:pool')

const pools = processWide('storage-core/pools@1', () => new Map<string, WatchedPool>())

/** All pools that are open in this process. */
export function openPools(): readonly WatchedPool[] {
  return [...pools.values()]
}

/** Adds a pool to `openPools()`, under its name, or under `name#2` and so on where another pool has that name. */
export function addPool(pool: WatchedPool): WatchedPool {
  let { name } = pool
  for (let n = 2; pools.has(name); n++) name = `${pool.name}#${n}`
  const added = { system: pool.system, name, limit: pool.limit, state: () => pool.state() }
  pools.set(name, added)
  return added
}

/** Takes a pool that was closed out of `openPools()`. */
export function removePool({ name }: WatchedPool): void {
  pools.delete(name)
}

import { isStorageError } from '@larder/storage-core'
import { openPools, poolChannel, type PoolEvent, type PoolState } from '@larder/storage-core/driver'
import type { Attributes, BatchObservableResult, Meter } from '@opentelemetry/api'
import { type End, listen } from './attributes.js'
import { BOUNDARIES } from './metrics.js'

const POOL_NAME = 'db.client.connection.pool.name'
const STATE = 'db.client.connection.state'

/** Connections of pools, by the semantic conventions for databases. */
export function measurePools(meter: Meter): readonly End[] {
  return [observeStates(meter), listen(poolChannel.asyncEnd, timing(meter))]
}

/** Pools are asked when metrics are collected. */
function observeStates(meter: Meter): End {
  const gauge = (name: string, unit: string, description: string) =>
    meter.createObservableUpDownCounter(`db.client.connection.${name}`, { unit, description })
  const count = gauge('count', '{connection}', 'Connections of a pool, by their state.')
  const max = gauge('max', '{connection}', 'The most connections that a pool opens.')
  const pending = gauge('pending_requests', '{request}', 'Callers that wait for a connection.')
  const statesOfPools = poolStates()
  const observe = (result: BatchObservableResult) => {
    for (const { name, limit, used, idle, pending: waiting } of statesOfPools()) {
      const attributes: Attributes = { [POOL_NAME]: name }
      result.observe(count, used, { ...attributes, [STATE]: 'used' })
      result.observe(count, idle, { ...attributes, [STATE]: 'idle' })
      result.observe(max, limit, attributes)
      result.observe(pending, waiting, attributes)
    }
  }
  const observed = [count, max, pending]
  meter.addBatchObservableCallback(observe, observed)
  return () => meter.removeBatchObservableCallback(observe, observed)
}

interface NamedState extends PoolState {
  readonly name: string
  readonly limit: number
}

/** Closed pools have nothing: OpenTelemetry would repeat what was last observed of them. */
function poolStates(): () => NamedState[] {
  const names = new Set<string>()
  return () => {
    const open = openPools().map((pool) => ({ ...pool.state(), name: pool.name, limit: pool.limit }))
    for (const { name } of open) names.delete(name)
    const closed = [...names].map((name) => ({ name, limit: 0, used: 0, idle: 0, pending: 0 }))
    for (const { name } of open) names.add(name)
    return [...open, ...closed]
  }
}

function timing(meter: Meter): (event: PoolEvent) => void {
  const seconds = (name: string, description: string) => {
    const advice = { explicitBucketBoundaries: BOUNDARIES }
    return meter.createHistogram(`db.client.connection.${name}`, { unit: 's', description, advice })
  }
  const waited = seconds('wait_time', 'How long callers waited for a connection.')
  const used = seconds('use_time', 'How long callers used a connection.')
  const timeouts = meter.createCounter('db.client.connection.timeouts', {
    unit: '{timeout}',
    description: 'Callers that got no connection in time.',
  })
  return ({ operation, pool, durationMs = 0, error }) => {
    const attributes: Attributes = { [POOL_NAME]: pool }
    if (operation === 'use') used.record(durationMs / 1_000, attributes)
    else if (error === undefined) waited.record(durationMs / 1_000, attributes)
    else if (isStorageError(error, 'E_TIMEOUT')) timeouts.add(1, attributes)
  }
}

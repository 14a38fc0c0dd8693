import {
  callChannel,
  type CallEvent,
  countChannel,
  type CountEvent,
  requestChannel,
  type RequestEvent,
  type WorkEvent,
} from '@larder/storage-core'
import { commandChannel, type CommandEvent } from '@larder/memcached'
import type { Attributes, Counter, Meter } from '@opentelemetry/api'
import { attributesOf, type End, errorType, listen, serverAttributes } from './attributes.js'

/** Seconds, as the semantic conventions advise. */
export const BOUNDARIES = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]

/** How long calls and requests take, and what the caches count. */
export function measure(meter: Meter): readonly End[] {
  const durations = (name: string, description: string) => {
    const advice = { explicitBucketBoundaries: BOUNDARIES }
    const histogram = meter.createHistogram(name, { description, unit: 's', advice })
    return (event: WorkEvent, more?: Attributes) => {
      const type = errorType(event)
      const error = type === undefined ? {} : { 'error.type': type }
      histogram.record((event.durationMs ?? 0) / 1_000, { ...attributesOf(event), ...more, ...error })
    }
  }
  const called = durations('larder.storage.call.duration', 'Duration of calls of storages.')
  const commanded = durations('larder.client.command.duration', 'Duration of calls of memcached clients.')
  const asked = durations('db.client.operation.duration', 'Duration of database client operations.')
  return [
    listen(callChannel.asyncEnd, (event: CallEvent) => called(event)),
    listen(commandChannel.asyncEnd, (event: CommandEvent) => commanded(event)),
    listen(requestChannel.asyncEnd, (event: RequestEvent) => asked(event, serverAttributes(event))),
    listen(countChannel, counting(meter)),
  ]
}

function counting(meter: Meter): (event: CountEvent) => void {
  const counters = new Map<string, Counter>()
  return ({ counters: whose, counter: what, keyPrefix, by }) => {
    const name = `larder.${whose}.${what.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`
    const known = counters.get(name) ?? meter.createCounter(name)
    counters.set(name, known)
    known.add(by, { 'larder.key_prefix': keyPrefix })
  }
}

import {
  booleanOption,
  optionTable,
  resolveOptions,
  typedOption,
  type Option,
  type OptionsOf,
} from '@larder/storage-core/base'
import { type Meter, type MeterProvider, metrics, trace, type TracerProvider } from '@opentelemetry/api'
import { hasMethods } from '../common-options.js'
import type { End } from './attributes.js'
import { measure } from './metrics.js'
import { measurePools } from './pool-metrics.js'
import { traceWithSpans } from './spans.js'

const NAME = '@larder/storage-memcache'

/** Who gets the spans and metrics of `instrument`. */
export const INSTRUMENT_OPTIONS = optionTable({
  /** Who gets the spans; `false`: nobody. Default: the provider that is registered. */
  tracerProvider: providerOption<TracerProvider>('getTracer'),
  /** Who gets the metrics; `false`: nobody. Default: the provider that is registered. */
  meterProvider: providerOption<MeterProvider>('getMeter'),
  /** Whether spans carry the SQL, which is without values. Default: true. */
  statements: booleanOption(true),
})

/** Who gets the spans and metrics of `instrument`. */
export type InstrumentOptions = OptionsOf<typeof INSTRUMENT_OPTIONS>

/** What listens until it is stopped. */
export interface Instrumentation extends Disposable {
  stop(): void
}

/**
 * Makes spans and metrics of all that storages, caches and databases do in this process. To be called once, after
 * the SDK has been set up: OpenTelemetry gives no metrics to who asks before.
 */
export function instrument(options: InstrumentOptions = {}): Instrumentation {
  const resolved = resolveOptions('instrument', INSTRUMENT_OPTIONS, options)
  const { tracerProvider = trace, meterProvider = metrics, statements } = resolved
  const ends = [
    ...(tracerProvider === false ? [] : traceWithSpans(tracerProvider.getTracer(NAME), statements)),
    ...(meterProvider === false ? [] : measureAll(meterProvider.getMeter(NAME))),
  ]
  const stop = () => {
    for (const end of ends.splice(0)) end()
  }
  return { stop, [Symbol.dispose]: stop }
}

function providerOption<Provider>(method: string): Option<Provider | false> {
  return typedOption(
    `a provider with ${method}(), or false`,
    (value): value is Provider | false => value === false || hasMethods(value, method),
  )
}

function measureAll(meter: Meter): readonly End[] {
  return [...measure(meter), ...measurePools(meter)]
}

import { checkOptionNames, type NamesOf } from '@larder/storage-core'
import { type MeterProvider, metrics, trace, type TracerProvider } from '@opentelemetry/api'
import { measure } from './metrics.js'
import { traceWithSpans } from './spans.js'

const NAME = '@larder/storage-memcache'

/** Who gets the spans and metrics of `instrument`. */
export interface InstrumentOptions {
  /** Who gets the spans; `false`: nobody. Default: the provider that is registered. */
  readonly tracerProvider?: TracerProvider | false | undefined
  /** Who gets the metrics; `false`: nobody. Default: the provider that is registered. */
  readonly meterProvider?: MeterProvider | false | undefined
  /** Whether spans carry the SQL, which is without values. Default: true. */
  readonly statements?: boolean | undefined
}

const OPTION_NAMES: NamesOf<InstrumentOptions> = Object.freeze({
  tracerProvider: true,
  meterProvider: true,
  statements: true,
})

/** What listens until it is stopped. */
export interface Instrumentation extends Disposable {
  stop(): void
}

/**
 * Makes spans and metrics of all that storages, caches and databases do in this process. To be called once, after
 * the SDK has been set up: OpenTelemetry gives no metrics to who asks before.
 */
export function instrument(options: InstrumentOptions = {}): Instrumentation {
  checkOptionNames('instrument', options, OPTION_NAMES)
  const { tracerProvider = trace, meterProvider = metrics, statements = true } = options
  const ends = [
    ...(tracerProvider === false ? [] : traceWithSpans(tracerProvider.getTracer(NAME), statements)),
    ...(meterProvider === false ? [] : measure(meterProvider.getMeter(NAME))),
  ]
  const stop = () => {
    for (const end of ends.splice(0)) end()
  }
  return { stop, [Symbol.dispose]: stop }
}

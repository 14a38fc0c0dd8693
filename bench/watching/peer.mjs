// Reads of the same resources through a MemcacheStorage, watched as the argument says.
import { callChannel, countChannel, MemoryStorage, requestChannel } from '@larder/storage-core'
import { subscribe } from 'node:diagnostics_channel'
import { MemcacheStorage } from '@larder/storage-memcache'
import { instrument } from '@larder/storage-memcache/opentelemetry'
import { context } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base'
import { during, serve } from '../lib/rounds.mjs'

const [servers, watched] = process.argv.slice(2)
const NAMES = 1_000
const WIDTH = 64

/** Makes spans and lets go of them: what an exporter does with them is its own affair. */
const DROP = {
  onStart: () => undefined,
  onEnd: () => undefined,
  forceFlush: async () => undefined,
  shutdown: async () => undefined,
}

function metrics() {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  return new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter })] })
}

function spans() {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  return new BasicTracerProvider({ spanProcessors: [DROP] })
}

const WATCH = {
  nobody: () => undefined,
  'nobody, again': () => undefined,
  'a listener': () => {
    let events = 0
    for (const each of [callChannel.asyncEnd, requestChannel.asyncEnd, countChannel])
      subscribe(each.name, () => events++)
  },
  metrics: () => instrument({ tracerProvider: false, meterProvider: metrics() }),
  'metrics and spans': () => instrument({ tracerProvider: spans(), meterProvider: metrics() }),
}
WATCH[watched]()

const storage = new MemcacheStorage({ servers, storage: new MemoryStorage(), keyPrefix: `${process.pid}:` })
const infos = Array.from({ length: NAMES }, (_, i) => storage.info('pages', `page-${i}`))
for (const info of infos) await storage.putContent(info, 'x'.repeat(100))

serve(({ name, ms }) => {
  if (name !== 'read') return undefined
  return () => during(ms, WIDTH, (i) => storage.getContent(infos[i % NAMES]))
})

import { MemoryStorage } from '@larder/storage-core'
import { FaultyStorage } from '@larder/storage-core/testing'
import { EmbeddedCache, MemcacheClient, RemoteCache } from '@larder/memcached'
import { MemcacheStorage, QueryCache } from '@larder/storage-memcache'
import { instrument, type InstrumentOptions } from '@larder/storage-memcache/opentelemetry'
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { startMemcached } from '@larder/dev-servers'

class Reader extends MetricReader {
  protected override onForceFlush(): Promise<void> {
    return Promise.resolve()
  }

  protected override onShutdown(): Promise<void> {
    return Promise.resolve()
  }
}

beforeAll(() => void context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable()))
afterAll(() => context.disable())

function traced(options: InstrumentOptions = {}) {
  const exporter = new InMemorySpanExporter()
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  const instrumentation = instrument({ tracerProvider, meterProvider: false, ...options })
  onTestFinished(() => instrumentation.stop())
  const spans = () => exporter.getFinishedSpans()
  const spanOf = (name: string): ReadableSpan => {
    const [span, ...more] = spans().filter((each) => each.name === name)
    if (span === undefined || more.length > 0) throw new Error(`${more.length + 1} spans are called ${name}`)
    return span
  }
  const parentOf = (name: string) => {
    const parentId = spanOf(name).parentSpanContext?.spanId
    return spans().find((span) => span.spanContext().spanId === parentId)?.name
  }
  return { spans, spanOf, parentOf, tracer: tracerProvider.getTracer('test') }
}

async function onServer() {
  const server = await startMemcached()
  onTestFinished(() => server.stop())
  const durable = new MemoryStorage()
  const storage = new MemcacheStorage({ servers: server.address, storage: durable })
  onTestFinished(() => storage.shutdown())
  return { server, durable, storage, info: storage.info('films', 'a') }
}

describe('spans', () => {
  test('of requests lie in those of the calls that make them, and these in the caller’s', async () => {
    const { server, durable, storage, info } = await onServer()
    await durable.putContent(durable.info('films', 'a'), 'x')
    const { spanOf, parentOf, tracer } = traced()
    await tracer.startActiveSpan('page', async (span) => {
      await storage.getContent(info)
      span.end()
    })
    expect(parentOf('getContent films')).toBe('page')
    expect(parentOf('getMany films')).toBe('getContent films')
    expect(parentOf(`get ${server.address}`)).toBe('getContent films')
    expect(parentOf(`add ${server.address}`)).toBe('getContent films')
    const [host, port] = server.address.split(':')
    expect(spanOf(`get ${server.address}`)).toMatchObject({
      kind: SpanKind.CLIENT,
      attributes: {
        'db.system.name': 'memcached',
        'db.operation.name': 'get',
        'server.address': host,
        'server.port': Number(port),
      },
    })
    expect(spanOf('getContent films')).toMatchObject({
      kind: SpanKind.INTERNAL,
      attributes: {
        'db.system.name': 'memcached',
        'db.operation.name': 'getContent',
        'db.collection.name': 'films',
        'larder.resource': 'a',
      },
      status: { code: SpanStatusCode.UNSET },
    })
    expect(spanOf('getMany films').attributes).toMatchObject({ 'db.system.name': 'memory' })
  })

  test('of the callers’ own lie in those of calls, where they are made during them', async () => {
    const { storage, info } = await onServer()
    const { parentOf, tracer } = traced()
    const content = async function* () {
      tracer.startSpan('own').end()
      yield Buffer.from('x')
    }
    await storage.putContent(info, content())
    expect(parentOf('own')).toBe('putContent films')
  })

  test('of requests lie in those of the client calls that make them', async () => {
    const { server } = await onServer()
    const client = new MemcacheClient({ servers: server.address })
    onTestFinished(() => client.close())
    const { spanOf, parentOf, spans } = traced()
    await client.replace('k', 1)
    expect(spans().length).toBeGreaterThan(1)
    expect(spanOf('replace')).toMatchObject({
      kind: SpanKind.INTERNAL,
      attributes: { 'db.system.name': 'memcached', 'db.operation.name': 'replace' },
      status: { code: SpanStatusCode.UNSET },
    })
    for (const { name } of spans()) expect([undefined, 'replace']).toContain(parentOf(name))
    await expect(client.get('a b')).rejects.toThrow(RangeError)
    expect(spanOf('get').attributes['error.type']).toBe('RangeError')
  })

  test('say of batches how many they are about', async () => {
    const { server } = await onServer()
    const client = new MemcacheClient({ servers: server.address })
    onTestFinished(() => client.close())
    const { spanOf, tracer } = traced()
    await tracer.startActiveSpan('all', () => client.getMulti(['a', 'b', 'c']))
    expect(spanOf(`getMulti ${server.address}`).attributes).toMatchObject({ 'db.operation.batch.size': 3 })
    expect(spanOf('getMulti').attributes).toMatchObject({ 'db.operation.batch.size': 3 })
  })

  test('have a status for errors, and none where something does not exist', async () => {
    const { server, storage, info } = await onServer()
    const cache = new RemoteCache(server.address, { timeoutMs: 20_000 })
    onTestFinished(() => cache.close())
    const { spanOf, tracer } = traced()
    await expect(storage.getContent(info)).rejects.toMatchObject({ code: 'E_NOT_FOUND' })
    expect(spanOf('getContent films').status.code).toBe(SpanStatusCode.UNSET)
    expect(spanOf('getContent films').attributes['error.type']).toBeUndefined()
    await server.kill()
    await tracer.startActiveSpan('all', () => cache.touch('k', 1_000).catch(() => undefined))
    const span = spanOf(`touch ${server.address}`)
    expect(span.attributes['error.type']).toBe('E_CACHE_UNAVAILABLE')
    expect(span.status).toMatchObject({ code: SpanStatusCode.ERROR, message: expect.any(String) as string })
  })

  test('are not made for background work', async () => {
    const server = await startMemcached()
    onTestFinished(() => server.stop())
    const durable = new FaultyStorage(new MemoryStorage())
    const options = { servers: server.address, relayIntervalMs: 1, relayAfterMs: 1 }
    await using storage = new MemcacheStorage({ ...options, storage: durable })
    const { spans, tracer } = traced()
    const { length } = await tracer.startActiveSpan('first', async (span) => {
      await storage.putContent(storage.info('films', 'a'), 'x')
      span.end()
      return spans()
    })
    // The row of a writer that died, which the relay settles.
    await durable.putContent(durable.info('films', 'b'), 'y', {
      transaction: {
        journal: [`larder: ${storage.info('films', 'b').key}:c`],
        beforeCommit: async () => undefined,
      },
    })
    await expect.poll(() => storage.counters().relayed).toBeGreaterThan(0)
    const background = spans()
      .slice(length)
      .map(({ name }) => name)
    expect(background.filter((name) => name !== 'putContent films')).toEqual([])
  })

  test('end with the instrumentation', async () => {
    const exporter = new InMemorySpanExporter()
    const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
    const storage = new MemoryStorage()
    {
      using _ = instrument({ tracerProvider, meterProvider: false })
      await storage.ls('films')
    }
    await storage.ls('films')
    expect(exporter.getFinishedSpans().map(({ name }) => name)).toEqual(['ls films'])
  })

  test('use the registered provider', async () => {
    const exporter = new InMemorySpanExporter()
    trace.setGlobalTracerProvider(
      new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
    )
    onTestFinished(() => trace.disable())
    using _ = instrument()
    await new MemoryStorage().ls('films')
    expect(exporter.getFinishedSpans()).toHaveLength(1)
  })
})

describe('metrics', () => {
  async function measured() {
    const reader = new Reader()
    const meterProvider = new MeterProvider({ readers: [reader] })
    const instrumentation = instrument({ tracerProvider: false, meterProvider })
    onTestFinished(() => instrumentation.stop())
    const points = async (name: string) => {
      const { resourceMetrics } = await reader.collect()
      const all = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics)
      const { descriptor, dataPoints } = all.find((metric) => metric.descriptor.name === name) ?? {}
      return { unit: descriptor?.unit, points: dataPoints ?? [] }
    }
    return { points }
  }

  test('are durations of requests and of calls, in seconds', async () => {
    const { points } = await measured()
    const { server, storage, info } = await onServer()
    const startedAt = performance.now()
    await storage.putContent(info, 'x')
    await storage.getContent(info)
    await storage.getContent(info)
    const tookS = (performance.now() - startedAt) / 1_000
    const asked = await points('db.client.operation.duration')
    const [host, port] = server.address.split(':')
    expect(asked.unit).toBe('s')
    const gets = asked.points.find(({ attributes }) => attributes['db.operation.name'] === 'get')
    expect(gets?.attributes).toMatchObject({
      'db.system.name': 'memcached',
      'server.address': host,
      'server.port': Number(port),
    })
    const called = await points('larder.storage.call.duration')
    const contents = called.points.find(({ attributes }) => attributes['db.operation.name'] === 'getContent')
    expect(contents).toMatchObject({ attributes: { 'db.system.name': 'memcached' }, value: { count: 2 } })
    const { sum } = contents?.value as { sum: number }
    expect(sum).toBeGreaterThan(0)
    expect(sum).toBeLessThanOrEqual(tookS)
  })

  test('are durations of the calls of clients', async () => {
    const { points } = await measured()
    const { server } = await onServer()
    const client = new MemcacheClient({ servers: server.address })
    onTestFinished(() => client.close())
    await client.replace('k', 1)
    await client.replace('k', 2)
    const commanded = await points('larder.client.command.duration')
    expect(commanded.unit).toBe('s')
    expect(commanded.points).toMatchObject([
      {
        attributes: { 'db.system.name': 'memcached', 'db.operation.name': 'replace' },
        value: { count: 2 },
      },
    ])
  })

  test('report the counters of each cache under its key prefix', async () => {
    const { points } = await measured()
    const cache = new EmbeddedCache()
    const storage = new MemcacheStorage({ cache, storage: new MemoryStorage(), keyPrefix: 'one:' })
    onTestFinished(() => storage.shutdown())
    const info = storage.info('films', 'a')
    await storage.putContent(info, 'x')
    await storage.getMany([info, info])
    await storage.getContent(info)
    const queries = new QueryCache({ cache, keyPrefix: 'two:' })
    onTestFinished(() => queries.close())
    await queries.cached('k', {}, () => Promise.resolve(1))
    expect((await points('larder.storage.hits')).points).toMatchObject([
      { attributes: { 'larder.key_prefix': 'one:' }, value: storage.counters().hits },
    ])
    expect((await points('larder.query.loader_calls')).points).toMatchObject([
      { attributes: { 'larder.key_prefix': 'two:' }, value: 1 },
    ])
  })

  test('say which error it was', async () => {
    const { points } = await measured()
    const durable = new FaultyStorage(new MemoryStorage())
    durable.failNextReads(1, new TypeError('tired'))
    const storage = new MemcacheStorage({ cache: new EmbeddedCache(), storage: durable })
    onTestFinished(() => storage.shutdown())
    await expect(storage.getContent(storage.info('films', 'a'))).rejects.toThrow('tired')
    const [point] = (await points('larder.storage.call.duration')).points
    expect(point?.attributes['error.type']).toBe('TypeError')
  })
})

import { MemcacheClient } from '@larder/memcached'
import { startMemcached } from '@larder/dev-servers'
import { servers } from '@larder/dev-servers/vitest'
import { MemcacheStorage, QueryCache } from '@larder/storage-memcache'
import { instrument } from '@larder/storage-memcache/opentelemetry'
import { SqlStorage } from '@larder/storage-sql'
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ROOT } from '../support/compile.js'

interface Panel {
  readonly id: number
  readonly title: string
  readonly gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>>
  readonly targets: readonly {
    readonly refId: string
    readonly expr: string
    readonly legendFormat: string
  }[]
}

async function panels(): Promise<readonly Panel[]> {
  const text = await readFile(join(ROOT, 'examples/api/grafana-dashboard.json'), 'utf8')
  return (JSON.parse(text) as { panels: Panel[] }).panels
}

/** The page for Prometheus of a process that has done all that the metrics are about. */
async function exportedPage(): Promise<string> {
  const exporter = new PrometheusExporter({ preventServerStart: true })
  using _ = instrument({ tracerProvider: false, meterProvider: new MeterProvider({ readers: [exporter] }) })
  const memcached = await startMemcached()
  onTestFinished(() => memcached.stop())
  await using database = await servers.postgres.createDatabase()
  await using sql = await SqlStorage.open({ url: database.url })
  await using storage = new MemcacheStorage({
    servers: memcached.address,
    storage: sql,
    whenCacheFails: 'bypass',
  })
  await using queries = new QueryCache({ servers: memcached.address })
  await using client = new MemcacheClient({ servers: memcached.address })
  const home = storage.info('pages', 'home')
  await storage.putContent(home, 'Hello')
  await storage.getContent(home)
  await storage.getContent(storage.info('pages', 'none')).catch(() => undefined)
  for (let i = 0; i < 2; i++) await queries.cached('films', {}, () => 1)
  await client.set('film', 'Metropolis')
  await memcached.kill()
  await storage.putContent(home, 'Hello again')
  await client.get('film').catch(() => undefined)
  const { resourceMetrics } = await exporter.collect()
  return new PrometheusSerializer().serialize(resourceMetrics)
}

/** The names of metrics in an expression of PromQL, and those of labels. */
function namesIn(expr: string): { metrics: readonly string[]; labels: readonly string[] } {
  const labels = Array.from(
    expr.matchAll(/by \(([^)]*)\)|\{(\w+)/g),
    ([, list, label]) => list ?? label ?? '',
  )
  const bare = expr.replaceAll(/by \([^)]*\)|\{[^}]*\}/g, '')
  return {
    metrics: bare.match(/\b(?:larder|db)_\w+/g) ?? [],
    labels: labels.flatMap((list) => list.split(/, */)),
  }
}

test('every metric of the Grafana dashboard is exported to Prometheus, with the labels that the dashboard uses', async () => {
  const page = await exportedPage()
  const linesOf = (metric: string) => page.split('\n').filter((line) => line.startsWith(`${metric}{`))
  const expressions = (await panels()).flatMap(({ targets }) => targets.map(({ expr }) => expr))
  expect(expressions.length).toBeGreaterThan(8)
  for (const expr of expressions) {
    const { metrics, labels } = namesIn(expr)
    expect(metrics, expr).not.toEqual([])
    for (const metric of metrics)
      for (const label of labels)
        expect(
          linesOf(metric).filter((line) => new RegExp(`[{,]${label}="`).test(line)),
          `${label} of ${metric}`,
        ).not.toEqual([])
  }
})

test('the panels of the Grafana dashboard have ids of their own, do not overlap, and show labels that they keep', async () => {
  const all = await panels()
  expect(new Set(all.map(({ id }) => id)).size).toBe(all.length)
  const cells = all.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
  )
  expect(new Set(cells).size).toBe(cells.length)
  for (const { expr, legendFormat } of all.flatMap(({ targets }) => targets)) {
    const shown = Array.from(legendFormat.matchAll(/\{\{(\w+)\}\}/g), ([, name]) => name!)
    expect(shown.filter((name) => !namesIn(expr).labels.includes(name))).toEqual([])
  }
})

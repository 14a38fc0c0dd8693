import { servers } from '@larder/dev-servers/vitest'
import { expect, test, vi } from 'vitest'
import { entriesOf, entryXml, titlesOf, wordOf } from './support/documents.js'
import { startProgram } from './support/program.js'

// Each starts processes, which takes its time on a machine that is busy.
vi.setConfig({ testTimeout: 300_000 })

const ENTRY = { 'Content-Type': 'application/atom+xml;type=entry' }
const WORKERS_EACH = 2
const STEPS = 5

const countXml = (count: number) => entryXml('counter').replace('about counter', String(count))

async function countOf(response: Response): Promise<number> {
  return Number(/<content>(\d+)<\/content>/.exec(await response.text())?.[1])
}

/** Adds one, as often as somebody else is faster. Resolves to what was stored. */
async function increment(entry: string): Promise<number> {
  for (;;) {
    const got = await fetch(entry)
    const ifMatch = got.headers.get('etag') ?? ''
    const count = (await countOf(got)) + 1
    const put = await fetch(entry, {
      method: 'PUT',
      headers: { ...ENTRY, 'If-Match': ifMatch },
      body: countXml(count),
    })
    await put.text()
    if (put.status === 200) return count
    expect(put.status).toBe(412)
  }
}

test.concurrent.for(['postgres', 'mariadb'] as const)(
  'two instances on %s lose no update, and show no page that is out of date',
  async (kind, { onTestFinished }) => {
    await using database = await servers[kind].createDatabase()
    const env = { DATABASE_URL: database.url, MEMCACHE_SERVERS: servers.memcached.servers }
    const start = () => startProgram(['--no-seed'], { env, onFinished: onTestFinished })
    const programs = await Promise.all([start(), start()])
    const urls = programs.flatMap((program) => program.urls)
    const [one = '', two = ''] = urls
    const post = (body: string, slug: string) =>
      fetch(`${one}/journal`, { method: 'POST', headers: { ...ENTRY, Slug: slug }, body })
    for (const name of ['counter', 'other']) expect((await post(countXml(0), name)).status).toBe(201)

    const work = async (own: string, other: string): Promise<number[]> => {
      const written: number[] = []
      for (let step = 0; step < STEPS; step++) {
        const count = await increment(`${own}/journal/counter`)
        written.push(count)
        const [entry, feed] = await Promise.all([
          fetch(`${other}/journal/counter`),
          fetch(`${other}/journal`),
        ])
        expect(await countOf(entry)).toBeGreaterThanOrEqual(count)
        const counters = entriesOf(await feed.text()).map((each) => Number(wordOf(each, 'content')))
        // The newest is on top, and no older than what was acknowledged before the page was asked for.
        expect(counters[0]).toBeGreaterThanOrEqual(count)
        expect(counters).toHaveLength(2)
      }
      return written
    }
    const workers = Array.from({ length: WORKERS_EACH }, () => [work(one, two), work(two, one)]).flat()
    const written = (await Promise.all(workers)).flat()
    const all = Array.from({ length: 2 * WORKERS_EACH * STEPS }, (_, i) => i + 1)
    expect(written.toSorted((a, b) => a - b)).toEqual(all)
    for (const url of urls) expect(await countOf(await fetch(`${url}/journal/counter`))).toBe(all.length)
  },
)

test.concurrent('one program on two ports, without a memcached', async ({ onTestFinished }) => {
  const program = await startProgram([], { env: { PATH: '' }, ports: 2, onFinished: onTestFinished })
  const [one = '', two = ''] = program.urls
  expect(program.lines.join('\n')).toContain('SQLite')
  for (let step = 0; step < 5; step++) {
    const slug = `step-${step}`
    const options = { method: 'POST', headers: { ...ENTRY, Slug: slug }, body: entryXml(slug) }
    expect((await fetch(`${one}/journal`, options)).status).toBe(201)
    expect(titlesOf(await (await fetch(`${two}/journal`)).text())[0]).toBe(slug)
    expect((await fetch(`${two}/journal/${slug}`, { method: 'DELETE' })).status).toBe(204)
    expect((await fetch(`${one}/journal/${slug}`)).status).toBe(404)
  }
  expect(await program.end('SIGTERM')).toBe(143)
})

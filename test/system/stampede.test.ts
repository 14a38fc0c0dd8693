import { type MemcachedServer, startMemcached } from '@larder/dev-servers'
import { SqlStorage } from '@larder/storage-sql'
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, test, vi } from 'vitest'
import { DATABASES, type Place } from './databases.js'

const PROCESSES = 4
const READERS = 1_000
/** How long readers wait where it shall not matter, and what leases outlive. */
const LONG_MS = 60_000
const LEASE_MS = 2 * LONG_MS
const TIMEOUT_MS = 4 * LONG_MS

interface Answered {
  /** What the readers were told, and how many of them. */
  readonly answers: Readonly<Record<string, number>>
  readonly ms: number
  /** Parts and queries that this process has asked of the database so far. */
  readonly reads: number
  readonly queries: number
}

type Told = Partial<Answered> & {
  readonly ready?: true
  readonly begun?: true
  readonly looked?: number
  readonly stopped?: true
}

class Reader {
  readonly #process: ChildProcess
  readonly #told: Told[] = []
  readonly #hearing = new Set<() => void>()

  constructor(orders: object) {
    const script = fileURLToPath(new URL('fixtures/stampede-worker.mjs', import.meta.url))
    const stdio = ['ignore', 'inherit', 'inherit', 'ipc'] as const
    this.#process = spawn(process.execPath, [script, JSON.stringify(orders)], { stdio: [...stdio] })
    this.#process.on('message', (message: Told) => {
      this.#told.push(message)
      for (const hear of this.#hearing) hear()
      this.#hearing.clear()
    })
  }

  /** The next message that says this, past all others. */
  async hears<K extends keyof Told>(word: K): Promise<Told & Required<Pick<Told, K>>> {
    for (;;) {
      const index = this.#told.findIndex((told) => told[word] !== undefined)
      if (index >= 0) return this.#told.splice(index, 1)[0] as Told & Required<Pick<Told, K>>
      await new Promise<void>((resolve) => this.#hearing.add(resolve))
    }
  }

  /** What was said before is of no interest any more. */
  forget(): void {
    this.#told.length = 0
  }

  tell(message: object): void {
    this.#process.send(message)
  }

  async answered(): Promise<Answered> {
    return (await this.hears('answers')) as Answered
  }

  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const ended = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    await ended
  }
}

vi.setConfig({ testTimeout: TIMEOUT_MS, hookTimeout: TIMEOUT_MS })

let place: Place
let memcached: MemcachedServer
let names: readonly string[]
let readers: readonly Reader[] = []
let herds = 0

beforeAll(async () => {
  const created = await DATABASES['PostgreSQL']?.()
  assert.ok(created)
  place = created
  memcached = await startMemcached()
  await using durable = await SqlStorage.open({ url: place.url })
  names = Array.from({ length: READERS }, (_, i) => `film ${i}`)
  await Promise.all(names.map((name) => durable.putContent(durable.info('herd', name), name)))
  const orders = { servers: memcached.address, url: place.url }
  readers = Array.from({ length: PROCESSES }, () => new Reader(orders))
  await Promise.all(readers.map((reader) => reader.hears('ready')))
})

afterAll(async () => {
  await Promise.all(readers.map((reader) => reader.kill()))
  await memcached.stop()
  await place.drop()
})

/** The same processes with a cold cache. */
async function herd(options: { readonly fillWaitMs: number }) {
  const namespace = `herd-${++herds}:`
  // What a reader does who is gone is not made good by time.
  for (const reader of readers)
    reader.tell({ begin: { namespace, options: { leaseTtlMs: LEASE_MS, ...options } } })
  await Promise.all(readers.map((reader) => reader.hears('begun')))
  for (const reader of readers) reader.forget()
  return { readers, first: readers[0] as Reader, others: readers.slice(1) }
}

const EACH = READERS / PROCESSES
const ONE_KEY = { read: { readers: EACH, names: ['film 7'], many: false } }

function sum(answers: readonly Answered[], what: 'reads' | 'queries'): number {
  return answers.reduce((total, answer) => total + answer[what], 0)
}

test('1,000 cold keys, asked for by 4 processes at once, cost the database one read each', async () => {
  const all = await herd({ fillWaitMs: LONG_MS })
  for (const reader of all.readers) reader.tell({ read: { readers: 1, names, many: true } })
  const answers = await Promise.all(all.readers.map((reader) => reader.answered()))
  for (const { answers: told } of answers) assert.deepEqual(told, { [names.join()]: 1 })
  assert.equal(sum(answers, 'reads'), READERS)
  assert.ok(sum(answers, 'queries') < READERS / 10, `${sum(answers, 'queries')} queries`)
})

describe('1,000 readers of one cold key in 4 processes', () => {
  test('cost the database one read', async () => {
    const all = await herd({ fillWaitMs: LONG_MS })
    for (const reader of all.readers) {
      reader.tell({ gates: 1 })
      reader.tell(ONE_KEY)
    }
    await Promise.all(all.readers.map((reader) => reader.hears('looked')))
    // Everybody has found nothing, or the lease of the one that is held up.
    for (const reader of all.readers) reader.tell({ open: true })
    const answers = await Promise.all(all.readers.map((reader) => reader.answered()))
    for (const { answers: told } of answers) assert.deepEqual(told, { 'film 7': EACH })
    assert.equal(sum(answers, 'reads'), 1)
  })

  test('do not wait for a slow one beyond fillWaitMs', async () => {
    const all = await herd({ fillWaitMs: 200 })
    all.first.tell({ gates: 1 })
    all.first.tell({ read: { ...ONE_KEY.read, readers: 1 } })
    await all.first.hears('stopped')
    for (const reader of all.others) reader.tell(ONE_KEY)
    // The one that fills is still held up when these are answered.
    const answers = await Promise.all(all.others.map((reader) => reader.answered()))
    for (const { answers: told, ms } of answers) {
      assert.deepEqual(told, { 'film 7': EACH })
      assert.ok(ms < LONG_MS, `took ${Math.round(ms)} ms`)
    }
    // Those of one process that give up together ask together.
    assert.ok(sum(answers, 'reads') < READERS / 10, `${sum(answers, 'reads')} reads`)
    all.first.tell({ open: true })
    assert.deepEqual((await all.first.answered()).answers, { 'film 7': 1 })
  })

  test('are not told of the failure of the one that fills', async () => {
    const all = await herd({ fillWaitMs: LONG_MS })
    all.first.tell({ gates: 1 })
    all.first.tell({ read: { ...ONE_KEY.read, readers: 1 } })
    await all.first.hears('stopped')
    for (const reader of all.others) reader.tell(ONE_KEY)
    await Promise.all(all.others.map((reader) => reader.hears('looked')))
    all.first.tell({ fail: 'the database is tired' })
    assert.deepEqual((await all.first.answered()).answers, { 'the database is tired': 1 })
    const answers = await Promise.all(all.others.map((reader) => reader.answered()))
    for (const { answers: told } of answers) assert.deepEqual(told, { 'film 7': EACH })
    assert.equal(sum(answers, 'reads'), 1)
  })

  test('outlive the one that fills, and the next of them fills', async () => {
    const all = await herd({ fillWaitMs: 200 })
    all.first.tell({ gates: 1 })
    all.first.tell({ read: { ...ONE_KEY.read, readers: 1 } })
    await all.first.hears('stopped')
    for (const reader of all.others) reader.tell(ONE_KEY)
    await Promise.all(all.others.map((reader) => reader.hears('looked')))
    await all.first.kill()
    const answers = await Promise.all(all.others.map((reader) => reader.answered()))
    for (const { answers: told, ms } of answers) {
      assert.deepEqual(told, { 'film 7': EACH })
      assert.ok(ms < LONG_MS, `took ${Math.round(ms)} ms`)
    }
    // The lease of the dead one would stand for a minute; whoever read past it took it away.
    const again: Answered[] = []
    for (const reader of all.others) {
      reader.tell({ read: { ...ONE_KEY.read, readers: 1 } })
      again.push(await reader.answered())
    }
    assert.ok(sum(again, 'reads') - sum(answers, 'reads') <= 1)
  })
})

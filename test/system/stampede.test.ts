import { type MemcachedServer, startMemcached } from '@larder/dev-servers'
import { SqlStorage } from '@larder/storage-sql'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DATABASES, type Place } from './databases.js'

const PROCESSES = 4
const READERS = 1_000
/** Longer than any test: what happens before it has passed did not wait for it. */
const NEVER_MS = 600_000

interface Answered {
  /** What the readers were told, and how many of them. */
  readonly answers: Readonly<Record<string, number>>
  /** Parts and queries that this process has asked of the database so far. */
  readonly reads: number
  readonly queries: number
}

type Told = Partial<Answered> & {
  readonly ready?: true
  readonly begun?: true
  readonly looked?: true
  readonly stopped?: true
}

class Reader {
  readonly #process: ChildProcess
  readonly #told: Told[] = []
  #hearing = new Set<() => void>()

  constructor(orders: object) {
    const script = fileURLToPath(new URL('fixtures/stampede-worker.mjs', import.meta.url))
    const stdio = ['ignore', 'inherit', 'inherit', 'ipc'] as const
    this.#process = spawn(process.execPath, [script, JSON.stringify(orders)], { stdio: [...stdio] })
    this.#process.on('message', (message: Told) => {
      this.#told.push(message)
      this.#hear()
    })
    this.#process.on('exit', () => {
      this.#hear()
    })
  }

  get isOver(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null
  }

  #hear(): void {
    const hearing = this.#hearing
    this.#hearing = new Set()
    for (const hear of hearing) hear()
  }

  /** The next message that says this, past all others. */
  async hears<K extends keyof Told>(word: K): Promise<Told & Required<Pick<Told, K>>> {
    for (;;) {
      const index = this.#told.findIndex((told) => told[word] !== undefined)
      if (index >= 0) return this.#told.splice(index, 1)[0] as Told & Required<Pick<Told, K>>
      expect(this.isOver, 'The process has ended').toBeFalsy()
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
    if (this.isOver) return
    const ended = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    await ended
  }
}

let place: Place
let memcached: MemcachedServer
let names: readonly string[]
let readers: readonly Reader[] = []
let herds = 0

beforeAll(async () => {
  const created = await DATABASES['PostgreSQL']?.()
  expect.assert(created)
  place = created
  memcached = await startMemcached()
  await using durable = await SqlStorage.open({ url: place.url })
  names = Array.from({ length: READERS }, (_, i) => `film ${i}`)
  await Promise.all(names.map((name) => durable.putContent(durable.info('herd', name), name)))
  readers = await Promise.all(Array.from({ length: PROCESSES }, startReader))
})

async function startReader(): Promise<Reader> {
  const reader = new Reader({ servers: memcached.address, url: place.url })
  await reader.hears('ready')
  return reader
}

afterAll(async () => {
  await Promise.all(readers.map((reader) => reader.kill()))
  await memcached.stop()
  await place.drop()
})

const KINDS = ['MemcacheStorage', 'CachedQuery'] as const

/** The processes, those that died replaced, with a cold cache. */
async function herd(kind: (typeof KINDS)[number], { fillWaitMs }: { readonly fillWaitMs: number }) {
  readers = await Promise.all(readers.map(async (reader) => (reader.isOver ? startReader() : reader)))
  const options = { keyPrefix: `herd-${++herds}:`, leaseTtlMs: NEVER_MS, fillWaitMs }
  for (const reader of readers) reader.tell({ begin: { kind, options } })
  await Promise.all(readers.map((reader) => reader.hears('begun')))
  for (const reader of readers) reader.forget()
  const [first, ...others] = readers
  return { readers, first: first as Reader, others }
}

const EACH = READERS / PROCESSES
const ONE_KEY = { readers: EACH, names: ['film 7'], many: false }
const ONE_READER = { ...ONE_KEY, readers: 1 }

function sum(answers: readonly Answered[], what: 'reads' | 'queries'): number {
  return answers.reduce((total, answer) => total + answer[what], 0)
}

async function allAnswered(some: readonly Reader[]): Promise<readonly Answered[]> {
  return Promise.all(some.map((reader) => reader.answered()))
}

/** One reader of the first process holds the lease, and the database does not answer it. */
async function heldUp(kind: (typeof KINDS)[number], options: { readonly fillWaitMs: number }) {
  const all = await herd(kind, options)
  all.first.tell({ gates: 1 })
  all.first.tell({ read: ONE_READER })
  await all.first.hears('stopped')
  for (const reader of all.others) reader.tell({ read: ONE_KEY })
  return all
}

describe.each(KINDS)('%s:', (kind) => {
  test('1,000 cold keys, asked for by 4 processes at once, cost the database one read each', async () => {
    const all = await herd(kind, { fillWaitMs: NEVER_MS })
    for (const reader of all.readers) reader.tell({ read: { readers: 1, names, many: true } })
    const answers = await allAnswered(all.readers)
    for (const { answers: told } of answers) expect(told).toEqual({ [names.join()]: 1 })
    expect(sum(answers, 'reads')).toBe(READERS)
    expect(sum(answers, 'queries'), `${sum(answers, 'queries')} queries`).toBeLessThan(READERS / 10)
  })

  describe('1,000 readers of one cold key in 4 processes', () => {
    test('cost the database one read', async () => {
      const all = await herd(kind, { fillWaitMs: NEVER_MS })
      for (const reader of all.readers) {
        reader.tell({ gates: 1 })
        reader.tell({ read: ONE_KEY })
      }
      await Promise.all(all.readers.map((reader) => reader.hears('looked')))
      // Everybody has found nothing, or the lease of the one that is held up.
      for (const reader of all.readers) reader.tell({ open: true })
      const answers = await allAnswered(all.readers)
      for (const { answers: told } of answers) expect(told).toEqual({ 'film 7': EACH })
      expect(sum(answers, 'reads')).toBe(1)
    })

    test('do not wait for a slow one beyond fillWaitMs', async () => {
      const all = await heldUp(kind, { fillWaitMs: 500 })
      // The one that fills is still held up when these are answered.
      const answers = await allAnswered(all.others)
      for (const { answers: told } of answers) expect(told).toEqual({ 'film 7': EACH })
      // When one gives up, all of its process share its read; a few were just asking the cache.
      expect(sum(answers, 'reads'), `${sum(answers, 'reads')} reads`).toBeLessThan(READERS / 10)
      all.first.tell({ open: true })
      expect((await all.first.answered()).answers).toEqual({ 'film 7': 1 })
    })

    test('do not get the error of the reader that fills', async () => {
      const all = await heldUp(kind, { fillWaitMs: NEVER_MS })
      await Promise.all(all.others.map((reader) => reader.hears('looked')))
      all.first.tell({ fail: 'the database is tired' })
      expect((await all.first.answered()).answers).toEqual({ 'the database is tired': 1 })
      const answers = await allAnswered(all.others)
      for (const { answers: told } of answers) expect(told).toEqual({ 'film 7': EACH })
      expect(sum(answers, 'reads')).toBe(1)
    })

    test('survive the death of the filling reader, and later readers do not wait', async () => {
      const all = await heldUp(kind, { fillWaitMs: 500 })
      await Promise.all(all.others.map((reader) => reader.hears('looked')))
      await all.first.kill()
      const answers = await allAnswered(all.others)
      for (const { answers: told } of answers) expect(told).toEqual({ 'film 7': EACH })
      expect(sum(answers, 'reads'), `${sum(answers, 'reads')} reads`).toBeLessThan(READERS / 10)
      // The lease of the dead one would stand for long; whoever read past it has taken its place, or taken it away.
      const again: Answered[] = []
      for (const reader of all.others) {
        reader.tell({ read: ONE_READER })
        again.push(await reader.answered())
      }
      expect(sum(again, 'reads') - sum(answers, 'reads'), 'read more than once').toBeLessThanOrEqual(1)
    })
  })
})

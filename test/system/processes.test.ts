import { startMemcached, type MemcachedServer } from '@larder/dev-servers'
import {
  checkListings,
  checkRegisters,
  type CollectionOperation,
  type RegisterOperation,
} from '@larder/storage-core/testing'
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, test } from 'vitest'
import { DATABASES } from './databases.js'

const ROUNDS = Number(process.env['LARDER_CHAOS_ROUNDS'] ?? 12)
const WORKERS = 4

interface Begun {
  readonly key: string
  readonly kind: 'read' | 'write' | 'list'
  readonly name: string
  readonly value?: string
  readonly start: number
}

interface Outcome {
  readonly version?: number
  readonly value?: string
  readonly names?: readonly string[]
  readonly changed?: boolean
  readonly created?: boolean
}

/** What all processes did, also those that did not live to tell the end of it. */
class Record {
  readonly registers: RegisterOperation[] = []
  readonly collections: CollectionOperation[] = []
  readonly errors = new Map<string, number>()
  readonly #open = new Map<string, Begun>()

  take(line: string): void {
    const said = JSON.parse(line) as Partial<Begun> & { end?: number; outcome?: Outcome; error?: string }
    if (said.start !== undefined) this.#open.set(said.key ?? '', said as Begun)
    const begun = this.#open.get(said.key ?? '')
    if (begun === undefined) return
    if (said.error !== undefined) {
      this.errors.set(said.error, (this.errors.get(said.error) ?? 0) + 1)
      this.#open.delete(begun.key)
      if (begun.kind === 'write') this.#wrote(begun, undefined, undefined)
    } else if (said.end !== undefined && said.outcome !== undefined) {
      this.#open.delete(begun.key)
      this.#done(begun, said.end, said.outcome)
    }
  }

  /** What was cut off may have happened. */
  close(): void {
    for (const begun of this.#open.values())
      if (begun.kind === 'write') this.#wrote(begun, undefined, undefined)
  }

  #done(begun: Begun, end: number, outcome: Outcome): void {
    const { start, name: key } = begun
    const { version, value, names } = outcome
    if (begun.kind === 'list') {
      this.collections.push({ kind: 'list', collection: 'c', start, end, names: new Set(names) })
    } else if (begun.kind === 'read') this.registers.push({ kind: 'read', key, start, end, version, value })
    else if (outcome.changed === true) this.#wrote(begun, end, outcome)
    else this.registers.push({ kind: 'read', key, start, end, version: undefined, value: undefined })
  }

  #wrote({ start, name, value }: Begun, end: number | undefined, outcome: Outcome | undefined): void {
    const version = outcome?.version
    this.registers.push({ kind: 'write', key: name, start, end, value, version })
    const kind = value === undefined ? 'remove' : 'add'
    // A listing promises what the write that created the resource was told.
    const promised = kind === 'remove' || outcome?.created === true ? end : undefined
    this.collections.push({ kind, collection: 'c', name, start, end: promised, version })
  }
}

class Worker {
  readonly #process: ChildProcess
  readonly #ended: Promise<void>
  readonly ready: Promise<void>

  constructor(record: Record, ...args: readonly string[]) {
    const script = fileURLToPath(new URL('fixtures/worker.mjs', import.meta.url))
    this.#process = spawn(process.execPath, [script, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#process.stdin?.on('error', () => undefined)
    const lines = createInterface({ input: this.#process.stdout ?? process.stdin })
    this.ready = new Promise((resolve) => lines.once('line', () => resolve()))
    lines.on('line', (line) => record.take(line))
    this.#ended = new Promise((resolve) => lines.once('close', resolve))
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#ended
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process.kill(name)
  }

  async stop(): Promise<void> {
    this.#process.stdin?.write('stop')
    await this.#ended
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T

for (const database of ['PostgreSQL', 'MariaDB']) {
  describe(`processes that share memcached and ${database}`, () => {
    test(
      'never read the past after an acknowledged write, whatever is killed, stopped or restarted',
      {
        timeout: 300_000,
      },
      async () => {
        const place = await DATABASES[database]?.()
        assert.ok(place)
        const servers: MemcachedServer[] = [await startMemcached(), await startMemcached()]
        const record = new Record()
        let started = 0
        const start = () =>
          new Worker(
            record,
            `w${++started}`,
            servers.map(({ address }) => address).join(),
            place.url,
            `chaos-${process.pid}:`,
          )
        const workers = Array.from({ length: WORKERS }, start)
        try {
          await Promise.all(workers.map(({ ready }) => ready))
          // The chaos needs time to pass; nothing waits for a particular moment.
          for (let round = 0; round < ROUNDS; round++) {
            await pause(150 + Math.random() * 200)
            const index = Math.floor(Math.random() * WORKERS)
            const fault = pick(['kill', 'kill', 'stop', 'restart', 'none'] as const)
            if (fault === 'kill') {
              await workers[index]?.kill()
              workers[index] = start()
            } else if (fault === 'stop') {
              const stopped = workers[index]
              stopped?.signal('SIGSTOP')
              await pause(300)
              stopped?.signal('SIGCONT')
            } else if (fault === 'restart') await pick(servers).restart()
          }
          await Promise.all(workers.map((worker) => worker.stop()))
        } finally {
          await Promise.all(workers.map((worker) => worker.kill()))
          await Promise.all(servers.map((server) => server.stop()))
          await place.drop()
        }
        record.close()
        const reads = record.registers.filter(({ kind }) => kind === 'read').length
        const acknowledged = record.registers.filter(
          ({ kind, end }) => kind === 'write' && end !== undefined,
        ).length
        // Where a server was away, a reader could not take older values away: steps back are not promised then.
        const violations = [...checkRegisters(record.registers), ...checkListings(record.collections)]
        assert.deepEqual(
          violations.filter(({ kind }) => kind !== 'back'),
          [],
        )
        assert.ok(reads > 100 && acknowledged > 50, `only ${reads} reads and ${acknowledged} writes`)
        if (process.env['LARDER_CHAOS_ROUNDS'] !== undefined) {
          process.stdout.write(
            `${database}: ${reads} reads, ${acknowledged} acknowledged writes, ${started} processes, ` +
              `${violations.length} steps back, errors ${JSON.stringify([...record.errors])}\n`,
          )
        }
      },
    )
  })
}

/**
 * One process of many: reads, writes, removes and lists until it is told to stop, and says of each operation when it
 * began and what came of it, so that what a kill interrupts is on record as well. It dies or stands still where told.
 */
import { isStorageError } from '@larder/storage-core'
import { RemoteCache } from '@larder/memcached'
import { MemcacheStorage } from '@larder/storage-memcache'
import { SqlStorage } from '@larder/storage-sql'
import { writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Chance } from './chance.js'
import { Lane, type LaneWorld } from './lane.js'
import type { Command, Line, WorkerOrders } from './messages.js'
import { Program } from './program.js'
import { CLIENT, DATABASE, PROTOCOL } from './settings.js'
import { StepCache } from './step-cache.js'
import { StepStorage } from './step-storage.js'
import type { Order, Step } from './steps.js'
import { VARIANTS } from './variants.js'

const LANES = 3
const TALLY_MS = 500
const REOPEN_MS = 100
/** What a read has seen so long after the cache last failed may still come of that failure. */
const AFTERMATH_MS = 2_000

const orders = JSON.parse(process.argv[2] ?? '') as WorkerOrders
let next: Order | undefined

// At once and whole: the record outlives this process.
const say = (line: Line): void => {
  writeSync(1, `${JSON.stringify(line)}\n`)
}

const at = (step: Step): void => {
  if (next?.step !== step) return
  const { action } = next
  next = undefined
  say({ say: 'at', step, action })
  process.kill(process.pid, action === 'die' ? 'SIGKILL' : 'SIGSTOP')
}

const { itemLimitBytes, servers, whenCacheFails, keyPrefix } = orders
const program = orders.hasProgram ? await whenItCanBe(() => Program.open(orders.databaseUrl)) : undefined
const target = program === undefined ? { url: orders.databaseUrl } : { dataSource: program.dataSource }
const durable = await whenItCanBe(() => SqlStorage.open({ ...target, ...DATABASE }))
const remote = new RemoteCache(servers, { ...CLIENT, serverItemLimitBytes: itemLimitBytes })
const cache = new StepCache(VARIANTS[orders.variant](remote), at)
const storage = new MemcacheStorage({
  ...{ cache, keyPrefix, whenCacheFails, ...PROTOCOL },
  storage: new StepStorage(durable, at),
})

/** A database that is down, or silent, when a process starts is asked again. */
async function whenItCanBe<T>(open: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await open()
    } catch (error) {
      const isOurs = isStorageError(error)
      if (isOurs && error.code !== 'E_STORAGE_UNAVAILABLE' && error.code !== 'E_TIMEOUT') throw error
      await sleep(REOPEN_MS)
    }
  }
}

const world: LaneWorld = {
  ...{ storage, program, itemLimitBytes, say, chance: new Chance(orders.seed) },
  isTroubledSince: (startedAt) => cache.lastFailureAt > startedAt - AFTERMATH_MS,
  unconfirmedWrites: () => storage.counters().unconfirmedWrites,
}
const lanes = Array.from({ length: LANES }, (_, i) => new Lane(world, `${orders.id}.${i}`))
const running = Promise.all(lanes.map((lane) => lane.run()))

const tell = (): void => {
  const { lostMarks, lostLeases } = cache
  say({ say: 'tally', counters: storage.counters(), lostMarks, lostLeases })
}
const telling = setInterval(tell, TALLY_MS)

async function rest(): Promise<void> {
  for (const lane of lanes) lane.end()
  await running
  say({ say: 'resting' })
}

async function end(): Promise<void> {
  await rest()
  await storage.shutdown()
  await durable.shutdown()
  await program?.dataSource.destroy()
  await remote.close()
  clearInterval(telling)
  tell()
  process.disconnect()
}

process.on('disconnect', () => {
  // Whoever started this process is gone, unless it has been told to end.
  if (process.exitCode === undefined) process.exit(1)
})
process.on('message', (command: Command) => {
  if (command.say === 'at') next = command
  else if (command.say === 'go on') next = undefined
  else if (command.say === 'rest') void rest()
  else {
    process.exitCode = 0
    void end()
  }
})
say({ say: 'ready' })

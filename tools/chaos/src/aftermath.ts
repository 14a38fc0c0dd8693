import { checkRegisters, type Violation } from '@larder/storage-core/testing'
import { setTimeout as sleep } from 'node:timers/promises'
import { clockUs, type Seen } from './messages.js'
import { isWrite, keyOf, type Operation, registersOf } from './history.js'
import type { Place, Probe } from './probe.js'
import { countRaised } from './program.js'
import { COUNTERS, NOTED, PAIR } from './raised.js'
import { journalSize } from './raw-database.js'

const PAUSE_MS = 100
const RAISED: ReadonlySet<string> = new Set([COUNTERS.collection, PAIR.collection, NOTED.collection])

export interface Aftermath {
  /** From the last fault's end until the journal was empty and every key agreed, in milliseconds. */
  readonly healedAfterMs: number
  readonly violations: readonly Violation[]
  readonly lostWrites: number
}

/** When all faults are over: everything has to agree with the database, which has to have what was acknowledged. */
export async function aftermath(
  probe: Probe,
  operations: readonly Operation[],
  databaseUrl: string,
  healWithinMs: number,
): Promise<Aftermath> {
  const startedAt = performance.now()
  const places = placesIn(operations)
  const violations: Violation[] = []
  let wrong: string[]
  for (;;) {
    const waiting = await journalSize(databaseUrl)
    wrong = await probe.behind(places)
    if (waiting > 0) wrong.push(`${waiting} rows of the journal`)
    if (wrong.length === 0 || performance.now() > startedAt + healWithinMs) break
    await sleep(PAUSE_MS)
  }
  for (const key of wrong) violations.push({ kind: 'stale', key, message: `not healed: ${key}` })
  const healedAfterMs = Math.round(performance.now() - startedAt)
  const lost = [
    ...(await lostWrites(probe, operations, places)),
    ...(await partedFromTable(probe, await countRaised(databaseUrl))),
  ]
  return { healedAfterMs, violations: [...violations, ...lost], lostWrites: lost.length }
}

/** The database read as one more reader, at the end: it has to show what was acknowledged. */
async function lostWrites(
  probe: Probe,
  operations: readonly Operation[],
  places: readonly Place[],
): Promise<Violation[]> {
  const writes = registersOf(operations.filter(isWrite), { reads: () => false, unconfirmedCount: true })
  const start = clockUs()
  const violations: Violation[] = []
  const reads = []
  for (const place of places) {
    for (const { name, version, value } of await probe.stored(place)) {
      const key = keyOf(place.collection, name)
      reads.push({ kind: 'read' as const, key, start, end: start + 1, version, value })
      if (RAISED.has(place.collection))
        violations.push(...miscounted(operations, place.collection, name, value))
    }
    if (place.collection === PAIR.collection) violations.push(...parted(await probe.stored(place)))
  }
  const judged = checkRegisters([...writes, ...reads]).filter(({ kind }) => kind !== 'order')
  return [
    ...violations,
    ...judged.map((violation) => ({ ...violation, message: `lost: ${violation.message}` })),
  ]
}

/** A number that is raised by one at a time is as large as it was raised often. */
function miscounted(
  operations: readonly Operation[],
  collection: string,
  name: string,
  value: string | undefined,
): Violation[] {
  const mine = operations.filter(
    (operation) => isWrite(operation) && operation.collection === collection && operation.name === name,
  )
  const raised = mine.filter(({ ended }) => ended?.written?.changed === true).length
  const perhaps = mine.filter(({ ended, failed }) => {
    return ended === undefined && (failed === undefined || failed.code === 'E_OUTCOME_UNKNOWN')
  }).length
  const count = value === undefined ? 0 : Number.parseInt(value, 10)
  if (count >= raised && count <= raised + perhaps) return []
  const message = `lost: ${name} was raised ${raised} times, perhaps ${perhaps} times more, and is ${count}`
  return [{ kind: 'stale', key: keyOf(collection, name), message }]
}

/** What is only ever written together is the same. */
function parted(stored: readonly Seen[]): Violation[] {
  const values = new Set(stored.map(({ value }) => value))
  if (values.size < 2) return []
  const message = `parted: ${stored.map(({ name, value }) => `${name} is ${value}`).join(', ')}`
  return [{ kind: 'split', key: PAIR.collection, message }]
}

/** The number that is raised together with a row of the program's own table is that of the rows. */
async function partedFromTable(probe: Probe, rows: number): Promise<Violation[]> {
  const [noted] = await probe.stored(NOTED)
  const count = noted?.value === undefined ? 0 : Number.parseInt(noted.value, 10)
  if (count === rows) return []
  const message = `parted: the number is ${count}, and the program's own table has ${rows} rows`
  return [{ kind: 'split', key: NOTED.collection, message }]
}

export function placesIn(operations: readonly Operation[]): Place[] {
  const places = new Map<string, Set<string>>()
  for (const { collection, name } of operations) {
    const names = places.get(collection) ?? new Set()
    places.set(collection, names)
    if (name !== undefined) names.add(name)
  }
  return [...places].map(([collection, names]) => ({ collection, names: [...names].sort() }))
}

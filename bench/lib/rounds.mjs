// Contenders in processes of their own, in rounds that take turns: a busy moment of the machine falls on all.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { performance } from 'node:perf_hooks'
import { clearTimeout, setTimeout } from 'node:timers'

/**
 * The side of a contender: each message is a test, the answer what `workOf(test)` has done; null where it cannot. The
 * work resolves to how many operations it was, to an object with that and more, or to nothing: what the test says.
 */
export function serve(workOf) {
  process.on('message', async (test) => {
    const work = workOf(test)
    if (work === undefined) return process.send(null)
    const cpu = process.cpuUsage()
    const start = performance.now()
    const done = await work()
    const ms = performance.now() - start
    const { user, system } = process.cpuUsage(cpu)
    const counted = typeof done === 'object' ? done : { operations: done ?? test.operations }
    process.send({ ms, cpuMicros: user + system, ...counted })
  })
  process.on('disconnect', () => process.exit())
  process.send('ready')
}

/** `width` workers for so many milliseconds; resolves to how often `work` was done. */
export async function during(ms, width, work) {
  const end = performance.now() + ms
  let done = 0
  const worker = async () => {
    while (performance.now() < end) await work(done++)
  }
  await Promise.all(Array.from({ length: width }, worker))
  return done
}

/** Much longer than any round takes on a busy machine. */
const PATIENCE_MS = 5 * 60_000
const SILENT = Symbol('silent')
/** How long a process may take to end by itself. */
const END_MS = 5_000

/** Resolves when the process has ended, so that no client outlives the servers that it uses. */
export async function endOf(child) {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  if (child.connected) child.disconnect()
  const timer = setTimeout(() => child.kill('SIGKILL'), END_MS)
  await ended.finally(() => clearTimeout(timer))
}

/** Starts a contender: a script that calls `serve`. One that never answers is ended, and takes part no more. */
export async function startPeer(name, script, args, execPath = process.execPath, patienceMs = PATIENCE_MS) {
  const child = fork(script, args, { execPath })
  const death = once(child, 'exit').then(([code]) => {
    throw new Error(`${name} ended with ${code}`)
  })
  // It may end when all is done.
  death.catch(() => {})
  const answer = async () => (await Promise.race([once(child, 'message'), death]))[0]
  await answer()
  let isSilent = false
  return {
    name,
    run: async (test) => {
      if (isSilent) return undefined
      child.send(test)
      let timer
      const late = new Promise((resolve) => (timer = setTimeout(resolve, patienceMs, SILENT)))
      const result = await Promise.race([answer(), late]).finally(() => clearTimeout(timer))
      if (result !== SILENT) return result ?? undefined
      isSilent = true
      child.kill('SIGKILL')
      console.warn(`${name} has not answered for ${patienceMs / 1000} s, and takes part no more`)
      return undefined
    },
    end: () => endOf(child),
  }
}

/** One round that warms up, and `rounds` that count: what each contender answered, by its name. */
export async function takeTurns(peers, rounds, test) {
  const answers = new Map()
  for (let round = 0; round <= rounds; round++) {
    for (const peer of peers) {
      const answer = await peer.run(test)
      if (answer === undefined || round === 0) continue
      answers.set(peer.name, [...(answers.get(peer.name) ?? []), answer])
    }
  }
  return answers
}

/** Median and quartiles. */
export function spread(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  const at = (share) => round(sorted[Math.floor((sorted.length - 1) * share + 0.5)])
  return { median: at(0.5), low: at(0.25), high: at(0.75) }
}

/**
 * A test as the report has it. `numberOf` makes the number that is compared of an answer; ratios are those of a
 * round to the same round of the baseline.
 */
export function testOf({ name, unit, better, baseline }, answers, numberOf) {
  const base = answers.get(baseline)?.map(numberOf)
  const results = Array.from(answers, ([peer, all]) => {
    const numbers = all.map(numberOf)
    const ratio = base === undefined ? undefined : spread(numbers.map((number, i) => number / base[i]))
    return { name: peer, ...spread(numbers), ratio }
  })
  return { name, unit, better, baseline, results }
}

export const perSecond = ({ operations, ms }) => (operations / ms) * 1000
export const microsEach = ({ operations, ms }) => (ms * 1000) / operations
export const cpuMicrosEach = ({ operations, cpuMicros }) => cpuMicros / operations

/** What `test` says, of the first contender compared with the second. */
export function ratioIn(tests, name, peer, other) {
  const results = tests.find((test) => test.name === name)?.results
  const [one, two] = [peer, other].map((wanted) => results?.find((result) => result.name === wanted)?.median)
  return one === undefined || two === undefined ? undefined : one / two
}

function round(number) {
  return Number(number.toPrecision(4))
}

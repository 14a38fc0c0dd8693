// Memory while a large content streams through a MemcacheStorage, into the database and out of it.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const SCRIPT = fileURLToPath(new URL('stream-peer.mjs', import.meta.url))
/** What garbage that is not yet collected may make of a flat line. */
const MAX_GROWTH_MIB = 32

/** Both ways, each in a process of its own: `{ ways: [{ way, text, target }], plot }`. */
export async function measureStreams(database, target, megabytes) {
  const ways = []
  const lines = []
  for (const way of ['in', 'out']) {
    const child = fork(SCRIPT, [way, JSON.stringify(target), String(megabytes)], {
      execArgv: ['--expose-gc'],
    })
    const exit = once(child, 'exit')
    const message = await Promise.race([
      once(child, 'message').then(([first]) => first),
      exit.then(() => undefined),
    ])
    await exit
    if (message === undefined) throw new Error(`Streaming ${way} failed on ${database}`)
    ways.push(wayOf(database, way, megabytes, message))
    lines.push({ name: way, points: message.samples.map(([mb, mib]) => [mb, mib]) })
  }
  const title = `${database}, ${megabytes} MB in and out: resident memory of the process`
  return { ways, plot: { title, x: 'MB', y: 'MiB', lines } }
}

/** Flat: the second half holds no more than the first half did. */
function wayOf(database, way, megabytes, { samples, ms }) {
  const mostOf = (some) => Math.max(...some.map(([, mib]) => mib))
  const middle = Math.floor(samples.length / 2)
  const growth = mostOf(samples.slice(middle)) - mostOf(samples.slice(0, middle))
  const most = mostOf(samples)
  const rate = ((megabytes / ms) * 1000).toFixed(0)
  const text = `${rate} MB a second, ${most.toFixed(0)} MiB at most, ${growth >= 0 ? '+' : ''}${growth.toFixed(0)} MiB in the second half`
  const target = {
    text: `${database}, ${megabytes} MB ${way}: memory is flat (second half at most ${MAX_GROWTH_MIB} MiB above the first)`,
    figure: text,
    isReached: growth <= MAX_GROWTH_MIB,
  }
  return { way, text, target }
}

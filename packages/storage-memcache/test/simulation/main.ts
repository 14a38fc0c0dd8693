// The large search: `npx pnpm@12 simulate --help`.
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { explain } from './report.js'
import { search, type SearchOptions } from './search.js'
import { describeCoverage } from './states.js'
import { variants } from './variants.js'
import { worlds } from './worlds.js'

const HELP = `Runs the library's own code against simulated servers and a simulated database, in many random orders
and under many faults, and judges what was read. Ends with 1 if a promise was broken.

  --runs N        how many runs, over all worlds (default: 20000)
  --seconds N     end after that time, whatever was done until then
  --seed N        the first seed (default: another one each time)
  --world NAME    only worlds with this in their name
  --variant NAME  a protocol with something left out, until it fails; NAME in full
  --clients N     how many processes there are, in place of what the world says
  --workers N     how many threads (default: one for each processor)
  --list          name the worlds and the variants
  --quiet         no table of what was covered

One run (--runs 1 --seed N, of one world or variant) prints everything that happened in it.
`

const WHOLE = /^\d+$/

function numberOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const number = Number(text)
  if (!WHOLE.test(text) || !Number.isSafeInteger(number) || number < (name === 'seed' ? 0 : 1)) {
    throw new RangeError(`--${name} takes a whole number, not ${text}`)
  }
  return number
}

function listed(): string {
  const lines = [...Object.keys(worlds), '', 'Variants:', ...Object.keys(variants)]
  return `${lines.join('\n')}\n`
}

function namesOf({ world = '', variant }: { world?: string | undefined; variant?: string | undefined }) {
  if (variant !== undefined) {
    if (variant in variants) return [variant]
    throw new RangeError(`There is no variant "${variant}"; --list names them`)
  }
  const names = Object.keys(worlds).filter((name) =>
    world in worlds ? name === world : name.includes(world),
  )
  if (names.length === 0) throw new RangeError(`No world has "${world}" in its name; --list names them`)
  return names
}

function readArguments(): SearchOptions & { readonly isQuiet: boolean; readonly isSingle: boolean } {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const { values } = parseArgs({
    options: {
      ...{ runs: text, seconds: text, seed: text, world: text, variant: text, clients: text, workers: text },
      ...{ list: flag, quiet: flag, help: flag },
    },
  })
  if (values.help === true || values.list === true) {
    process.stdout.write(values.help === true ? HELP : listed())
    process.exit(0)
  }
  const names = namesOf(values)
  const seconds = numberOf('seconds', values.seconds)
  const runs = numberOf('runs', values.runs) ?? (seconds === undefined ? 20_000 : Infinity)
  const clients = numberOf('clients', values.clients)
  return {
    worlds: names,
    runs,
    seconds: seconds ?? Infinity,
    // 32 bits, since that is what the die takes.
    firstSeed: numberOf('seed', values.seed) ?? Math.floor(Math.random() * 2 ** 31),
    workers: numberOf('workers', values.workers) ?? availableParallelism(),
    changes: clients === undefined ? {} : { processes: clients },
    isQuiet: values.quiet === true,
    isSingle: runs === 1 && names.length === 1,
  }
}

async function main(): Promise<number> {
  const options = readArguments()
  const { changes, firstSeed, isQuiet, isSingle } = options
  const [first = ''] = options.worlds
  if (isSingle) {
    const { text, isBroken } = await explain(first, firstSeed, changes)
    process.stdout.write(`${text}\n`)
    return isBroken ? 1 : 0
  }
  process.stdout.write(
    `${options.worlds.length} worlds, from seed ${firstSeed} on, ${options.workers} threads\n`,
  )
  const { coverage, failure, summary } = await search(options, (line) => process.stdout.write(`${line}\n`))
  if (!isQuiet) process.stdout.write(`\n${describeCoverage(coverage)}\n`)
  process.stdout.write(`\n${summary}\n`)
  if (failure === undefined) return 0
  process.stdout.write(`\n${(await explain(failure.world, failure.seed, changes)).text}\n`)
  return 1
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(
    `${error instanceof RangeError || error instanceof TypeError ? error.message : String(error)}\n`,
  )
  process.exitCode = 2
}

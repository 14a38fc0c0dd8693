import { UsageError } from '@larder/example-environment'
import { HELP, parseCommand } from './command-line.js'
import { openShop } from './shop.js'
import { type Say, show } from './show.js'

const STEP_WIDTH = 15

const say: Say = (step, text) =>
  void process.stdout.write(`${`${step.padEnd(STEP_WIDTH)}${text}`.trimEnd()}\n`)

/** Resolves to the exit code, once everything that was opened is closed. */
async function main(): Promise<number> {
  const stop = new AbortController()
  let stopped = 0
  for (const [name, code] of Object.entries({ SIGINT: 130, SIGTERM: 143 })) {
    process.once(name, () => {
      stopped = code
      stop.abort()
    })
  }
  try {
    const { drop, help } = parseCommand(process.argv.slice(2))
    if (help) {
      process.stdout.write(HELP)
      return 0
    }
    await using shop = await openShop(process.env, drop)
    say('database', shop.database.description)
    if (shop.hasMadeTables) say('', 'made film with 1,000 films, inventory and rental')
    say('cache', shop.cacheDescription)
    for (const complaint of shop.cacheComplaints) say('', complaint)
    await show(shop, say, stop.signal)
    if (!shop.database.isTemporary && !drop)
      say('', 'The tables and their triggers stay; --drop removes them.')
    return 0
  } catch (error) {
    if (stopped !== 0) return stopped
    process.stderr.write(`${messageOf(error)}\n`)
    return error instanceof UsageError ? 2 : 1
  }
}

/** With its causes, since the first says what was wanted, and the last what went wrong. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof UsageError || !(error.cause instanceof Error)) return error.message
  return `${error.message}\n  ${messageOf(error.cause)}`
}

process.exitCode = await main()

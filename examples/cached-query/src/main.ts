import { runProgram } from '@larder/example-environment'
import { HELP, parseCommand } from './command-line.js'
import { openShop } from './shop.js'
import { type Say, show } from './show.js'

const STEP_WIDTH = 15

await runProgram(async ({ args, env, signal, print }) => {
  const { drop, help } = parseCommand(args)
  if (help) return print(HELP)
  const say: Say = (step, text) => print(`${step.padEnd(STEP_WIDTH)}${text}`.trimEnd())
  await using shop = await openShop(env, drop)
  say('database', shop.database.description)
  if (shop.hasMadeTables) say('', 'made film with 1,000 films, inventory and rental')
  say('cache', shop.cacheDescription)
  for (const complaint of shop.cacheComplaints) say('', complaint)
  await show(shop, say, signal)
  if (!shop.database.isTemporary && !drop) say('', 'The tables and their triggers stay; --drop removes them.')
})

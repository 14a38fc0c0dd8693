// One contender in a process of its own: NAME and, as JSON, `{ url, servers, redis }`.
import { during, serve } from '../lib/rounds.mjs'
import { CONTENDERS } from './contenders.mjs'

const KEYS = 100
const [, , name, target] = process.argv
const answer = await CONTENDERS[name](JSON.parse(target))
const keys = Array.from({ length: KEYS }, (_, i) => `top5films-${i}`)

/** What comes back is five rows: a contender that answers nothing would be fast. */
function check(rows) {
  if (rows?.length !== 5) throw new Error(`${name} answered ${JSON.stringify(rows)}`)
}

serve(({ width, roundMs }) => {
  if (answer === undefined) return undefined
  return async () => {
    for (const key of keys.slice(0, 3)) check(await answer(key))
    return during(roundMs, width, (i) => answer(keys[i % KEYS]))
  }
})

// One client in a process of its own: NAME ADDRESS.
import { serve } from '../lib/rounds.mjs'
import { CLIENTS } from './clients.mjs'
import { workOf } from './workload.mjs'

const [, , name, address] = process.argv
const client = await CLIENTS[name].open(address)
serve((test) => workOf(client, test))
